"""Run one service as a process: logs, signals, exit code."""

import asyncio
import gc
import signal
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Final

import uvloop

from common.errors import Misconfigured
from common.settings import TelemetrySettings, read_settings
from common.telemetry.logs import configure_logs
from common.telemetry.tracing import Tracer

UNUSABLE: Final = 2
"""Exit code for what only an operator can mend: starting again would end the same way."""

BROKEN: Final = 1
"""Exit code for what a new start mends."""

COLLECT_EVERY: Final = 10_000
"""How many more objects there have to be before the garbage collector looks at the new ones.

Python's 700 are a few requests under way, all of which it would look at for nothing: a request
leaves no cycles behind but when it fails."""


Serve = Callable[[asyncio.Event, Tracer | None], Awaitable[bool]]


def run_service(name: str, serve: Serve) -> int:
    """Run ``serve(stop, tracer)`` until it ends; SIGTERM and SIGINT set ``stop``.

    Returns the exit code.

    It is 0 if ``serve`` says that all is well, else ``BROKEN``; and ``UNUSABLE``, after one
    sentence, when it raises ``Misconfigured``.
    """
    gc.freeze()  # what the imports have made stays
    gc.set_threshold(COLLECT_EVERY)

    async def main(tracer: Tracer | None) -> bool:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        return await serve(stop, tracer)

    try:
        telemetry = read_settings(TelemetrySettings)
        configure_logs(name, telemetry.log_level)
        with (
            open_tracer(name, is_wanted=telemetry.otlp_endpoint is not None) as tracer,
            asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
        ):
            return 0 if runner.run(main(tracer)) else BROKEN
    except* Misconfigured as group:
        sentence = group.exceptions[0]
        while isinstance(sentence, BaseExceptionGroup):
            sentence = sentence.exceptions[0]
        print(f"{name}: {sentence}", file=sys.stderr)
    return UNUSABLE


@contextmanager
def open_tracer(service: str, *, is_wanted: bool) -> Iterator[Tracer | None]:
    """A tracer that exports to where OpenTelemetry's own variables say; None if none is wanted.

    What has not been exported by the end is, within ``otlp.FLUSH_S`` seconds or not at all.

    Raises:
        Misconfigured: the extra is not installed.
    """
    if not is_wanted:
        yield None
        return
    try:
        from common.telemetry.otlp import OtlpTracer  # noqa: PLC0415 - only where it is asked for
    except ModuleNotFoundError as exc:
        raise Misconfigured(
            f"OTEL_EXPORTER_OTLP_ENDPOINT needs the package {exc.name}, which is not installed: "
            f"pip install 'predictmq[otel]', or make up EXTRAS=otel."
        ) from exc
    tracer = OtlpTracer(service)
    try:
        yield tracer
    finally:
        tracer.close()
