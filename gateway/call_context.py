"""The context of the HTTP request under way: fields of its log line and span, and its timing.

The correlation id is in ``common/telemetry/correlation.py``, since every log line has it. Whoever
knows a field first adds it, deep inside; the edge reads them all when it responds.
"""

from contextvars import ContextVar
from typing import Any, Final

from common.contract.timing import Timing

_FIELDS: Final[ContextVar[dict[str, Any] | None]] = ContextVar("log_fields", default=None)
_TIMING: Final[ContextVar[Timing | None]] = ContextVar("timing", default=None)
_REQUESTED_BY_CALL: Final[ContextVar[bool]] = ContextVar("requested_by_call", default=False)


def begin_request() -> dict[str, Any]:
    """Begin an HTTP request in this task; returns the fields that ``add_log_fields`` adds to."""
    fields: dict[str, Any] = {}
    _FIELDS.set(fields)
    return fields


def add_log_fields(**fields: Any) -> None:
    """Add fields to the log line and span of the current HTTP request.

    Never pass inputs, results or keys. No effect outside a request.
    """
    known = _FIELDS.get()
    if known is not None:
        known.update(fields)


def set_timing(timing: Timing | None, *, requested_by_call: bool) -> None:
    """Keep the timing of the prediction that the current response is about, failed ones included.

    ``requested_by_call``: the current call has asked for the prediction, not an earlier one.
    """
    _TIMING.set(timing)
    _REQUESTED_BY_CALL.set(requested_by_call)


def timing() -> tuple[Timing | None, bool]:
    """The timing of the prediction that is being answered, and ``requested_by_call``: see above."""
    return _TIMING.get(), _REQUESTED_BY_CALL.get()
