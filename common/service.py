"""Run one service as a process: logs, signals, exit code."""

import asyncio
import signal
import sys
from collections.abc import Awaitable, Callable

import uvloop

from common.errors import Misconfigured
from common.telemetry import configure_logs

UNUSABLE = 2
"""Exit code for what only an operator can mend: starting again would end the same way."""


def run_service(name: str, serve: Callable[[asyncio.Event], Awaitable[None]]) -> None:
    """Run ``serve(stop)`` until it ends; SIGTERM and SIGINT set ``stop``.

    Exits with code 0, or with ``UNUSABLE`` and one sentence when ``serve`` raises
    ``Misconfigured``.
    """
    configure_logs(name)

    async def main() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        await serve(stop)

    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(main())
    except* Misconfigured as group:
        sentence = group.exceptions[0]
        while isinstance(sentence, BaseExceptionGroup):
            sentence = sentence.exceptions[0]
        print(f"{name}: {sentence}", file=sys.stderr)
        sys.exit(UNUSABLE)
