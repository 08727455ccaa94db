"""The process of a service: logs, traces, signals and exit code."""

import asyncio
import gc
import signal
import sys
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Final

import uvloop

from common.configuration.command_line import answer
from common.errors import Misconfigured
from common.settings import Settings, TelemetrySettings, read_settings, require_usable
from common.telemetry.logs import configure_logs
from common.telemetry.otlp_variables import refused_if_wrong
from common.telemetry.standard_streams import queue_output
from common.telemetry.tracing import Tracer

UNUSABLE: Final = 2
"""The exit code when an operator has to act: a restart would end in the same way."""

BROKEN: Final = 1
"""The exit code when a restart helps."""

COLLECT_EVERY: Final = 10_000
"""The number of new objects at which the garbage collector traverses them.

Python's default of 700 is a few requests in flight, which would be traversed in vain: a request
leaves reference cycles behind only when it fails."""

Serve = Callable[[asyncio.Event, Tracer | None], Awaitable[bool]]


def end_before_start(
    name: str, arguments: Sequence[str], kinds: Sequence[type[Settings]]
) -> int | None:
    """Return the exit code of a process that has nothing to run; None of one that has to run.

    Prints what ``arguments`` ask for, or the sentence about the settings of ``kinds``.
    """
    queue_output()  # before anything opens a descriptor
    kinds = (*kinds, TelemetrySettings)
    try:
        if text := answer(name, arguments, kinds):
            print(text)
            return 0
        require_usable(*kinds)
    except Misconfigured as exc:
        return refuse(name, exc)
    return None


def run_service(
    name: str,
    serve: Serve,
    *,
    is_traced: bool = True,
    report: Callable[[str], None] | None = None,
    **log_fields: int,
) -> int:
    """Run ``serve(stop, tracer)`` until it ends; SIGTERM and SIGINT set ``stop``.

    ``tracer`` is None unless ``is_traced``. Each log line has ``log_fields``. Returns the exit
    code: 0 if ``serve`` returns True, ``BROKEN`` if it returns False, and ``UNUSABLE``, after
    ``report``ing or printing the sentence, if it raises ``Misconfigured``.
    """
    queue_output()  # before anything opens a descriptor
    gc.freeze()  # the collector does not traverse what the imports have made
    gc.set_threshold(COLLECT_EVERY)

    async def main(tracer: Tracer | None) -> bool:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        return await serve(stop, tracer)

    try:
        telemetry = read_settings(TelemetrySettings)
        configure_logs(name, telemetry.log_level, **log_fields)
        with (
            open_tracer(
                name, is_wanted=is_traced and telemetry.otlp_endpoint is not None
            ) as tracer,
            asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
        ):
            return 0 if runner.run(main(tracer)) else BROKEN
    except* Misconfigured as group:
        sentence = group.exceptions[0]
        while isinstance(sentence, BaseExceptionGroup):
            sentence = sentence.exceptions[0]
        if report is not None:
            report(str(sentence))
        else:
            refuse(name, sentence)
    return UNUSABLE


def refuse(name: str, reason: Exception) -> int:
    """Print why the service cannot be used as configured; return the exit code for it."""
    with suppress(OSError):  # nobody reads it: the exit code says what is left to say
        print(f"{name}: {reason}", file=sys.stderr)
    return UNUSABLE


@contextmanager
def open_tracer(service: str, *, is_wanted: bool) -> Iterator[Tracer | None]:
    """Yield a tracer, configured by OpenTelemetry's own variables; None if none is wanted.

    In the end, spans that are not exported yet have ``otlp.FLUSH_S`` seconds to leave.

    Raises:
        Misconfigured: the extra ``otel`` is not installed, or a variable of OpenTelemetry is wrong.
    """
    if not is_wanted:
        yield None
        return
    with refused_if_wrong():  # the SDK reads some variables when it is imported
        try:
            from common.telemetry.otlp import OtlpTracer  # noqa: PLC0415 - an optional dependency
        except ModuleNotFoundError as exc:
            raise Misconfigured(
                f"OTEL_EXPORTER_OTLP_ENDPOINT needs the package {exc.name}, which is not "
                f"installed: pip install 'predictmq[otel]', or make up EXTRAS=otel."
            ) from exc
        tracer = OtlpTracer(service)
    try:
        yield tracer
    finally:
        tracer.close()
