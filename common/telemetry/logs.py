"""What a service logs: JSON lines, one for each thing that happened; readable ones in a terminal.

A line for each request and each prediction is on the way of both, so a line has to be cheap: one
step names it, msgspec writes it. What msgspec cannot write takes the long way.
"""

import json
import logging
import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final, Literal

import msgspec
import structlog
from structlog.typing import EventDict, Processor

from common.telemetry.correlation import known_correlation_id

LogLevel = Literal["debug", "info", "warning", "error", "critical"]
"""The least important lines that are written."""

REPORTED_BY_US: Final = ("aiormq.connection", "aio_pika")
"""The loggers of libraries whose errors ``common/amqp`` reports, in one line for each."""

_ENCODER: Final = msgspec.json.Encoder(enc_hook=repr)


def configure_logs(service: str, level: LogLevel = "info") -> None:
    """Log to standard error, from ``level`` on: for people in a terminal or with ``FORCE_COLOR``.

    Each line carries ``service``, whichever thread writes it, and ``correlation_id``, if a call is
    under way that has one. What libraries log takes the same way, warnings and worse.
    """
    least = logging.getLevelNamesMapping()[level.upper()]
    named: list[Processor] = [_named(service)]
    if sys.stderr.isatty() or os.environ.get("FORCE_COLOR"):
        ours: list[Processor] = [*named, structlog.dev.ConsoleRenderer()]
        theirs = ours
        written: Callable[..., Any] = structlog.WriteLoggerFactory(sys.stderr)
    else:
        with_traceback: list[Processor] = [*named, structlog.processors.format_exc_info]
        ours, theirs = [*with_traceback, _json], [*with_traceback, _json_text]
        written = structlog.BytesLoggerFactory(sys.stderr.buffer)
    structlog.configure(
        processors=ours,
        wrapper_class=structlog.make_filtering_bound_logger(least),
        logger_factory=written,
        cache_logger_on_first_use=True,
    )
    _configure_libraries(theirs, max(least, logging.WARNING))


def _configure_libraries(processors: list[Processor], level: int) -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *processors]
        )
    )
    logging.basicConfig(handlers=[handler], level=level, force=True)
    for name in REPORTED_BY_US:
        logging.getLogger(name).setLevel(logging.CRITICAL)


def _named(service: str) -> Processor:
    """What every line says: who wrote it, when, how important it is, and of which call it is."""

    def name(_: object, method: str, event: EventDict) -> EventDict:
        event["service"] = service
        event["level"] = "error" if method == "exception" else method
        event["timestamp"] = datetime.now(UTC)
        if call := known_correlation_id():
            event.setdefault("correlation_id", call)
        return event

    return name


def _json(_: object, __: str, event: EventDict) -> bytes:
    try:
        return _ENCODER.encode(event)
    except (TypeError, ValueError, RecursionError):  # such as a lone surrogate in a string
        return json.dumps(event, default=str).encode()


def _json_text(_: object, __: str, event: EventDict) -> str:
    return _json(_, __, event).decode()
