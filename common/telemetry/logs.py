"""The logs of a service: one JSON line for each event, or readable text in a terminal.

Each request and each prediction logs a line while its caller waits, so a line has to be cheap:
one processor adds the fields, msgspec encodes them. ``json`` encodes what msgspec cannot. A thread
of its own writes the lines (``line_writer.py``).
"""

import json
import logging
import os
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final, Literal

import msgspec
import structlog
from structlog.typing import EventDict, Processor

from common.telemetry.correlation import known_correlation_id
from common.telemetry.standard_streams import queue_output

LogLevel = Literal["debug", "info", "warning", "error", "critical"]
"""The lowest level that is logged."""

REPORTED_BY_US: Final = ("aiormq.connection", "aio_pika")
"""The loggers of libraries whose errors ``common/amqp`` logs itself, in one line for each."""

_ENCODER: Final = msgspec.json.Encoder(enc_hook=repr)


def configure_logs(service: str, level: LogLevel = "info", **constant: int) -> None:
    """Log to standard error, from ``level`` on; as text in a terminal or with ``FORCE_COLOR``.

    Whatever happens to standard error, to log neither blocks nor fails: see ``queue_output``.

    Each line has the field ``service`` and those of ``constant``, whichever thread writes it, and
    ``correlation_id`` if the current call has one. Lines of libraries have the same form, from
    ``warning`` on.
    """
    logger = _LineLogger(queue_output().put)
    least = logging.getLevelNamesMapping()[level.upper()]
    fields: list[Processor] = [_fields({"service": service, **constant})]
    if sys.stderr.isatty() or os.environ.get("FORCE_COLOR"):
        theirs: list[Processor] = [*fields, structlog.dev.ConsoleRenderer()]
        ours: list[Processor] = [*theirs, _encode]
    else:
        with_traceback: list[Processor] = [*fields, structlog.processors.format_exc_info]
        ours, theirs = [*with_traceback, _json], [*with_traceback, _json_text]
    structlog.configure(
        processors=ours,
        wrapper_class=structlog.make_filtering_bound_logger(least),
        logger_factory=lambda *_: logger,
        cache_logger_on_first_use=True,
    )
    _configure_libraries(theirs, max(least, logging.WARNING))


class _LineLogger:
    """The end of structlog's processors, which calls the method that is named as the level."""

    def __init__(self, put: Callable[[bytes], None]) -> None:
        self._put = put

    def debug(self, line: bytes) -> None:
        """Pass a line on."""
        self._put(line + b"\n")

    info = warning = error = critical = exception = debug


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


def _fields(constant: Mapping[str, Any]) -> Processor:
    """Return a processor that adds the fields of every line: constant ones, level, time, call."""

    def add_fields(_: object, method: str, event: EventDict) -> EventDict:
        event.update(constant)
        event["level"] = "error" if method == "exception" else method
        event["timestamp"] = datetime.now(UTC)
        if call := known_correlation_id():
            event.setdefault("correlation_id", call)
        return event

    return add_fields


def _json(_: object, __: str, event: EventDict) -> bytes:
    try:
        return _ENCODER.encode(event)
    except (TypeError, ValueError, RecursionError):  # such as a lone surrogate in a string
        return json.dumps(event, default=str).encode()


def _encode(_: object, __: str, text: Any) -> bytes:
    encoded: bytes = text.encode(errors="backslashreplace")
    return encoded


def _json_text(_: object, __: str, event: EventDict) -> str:
    return _json(_, __, event).decode()
