"""The context of the HTTP request under way: fields of its log line and span, and its timing.

The correlation id is in ``common/telemetry/correlation.py``, since every log line has it. A field
is added where its value becomes known; ``gateway/web/observation.py`` reads all of them once the
response is there.
"""

from contextvars import ContextVar
from typing import Any, Final

from common.contract.timing import Timing

_FIELDS: Final[ContextVar[dict[str, Any] | None]] = ContextVar("log_fields", default=None)
_TIMING: Final[ContextVar[tuple[Timing | None, bool]]] = ContextVar("timing", default=(None, False))


def begin_request() -> dict[str, Any]:
    """Begin the context of an HTTP request in this task; return the dict of its log fields."""
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
    """Set the timing of the prediction that the current response reports, a failed one too.

    ``requested_by_call``: the current call has requested the prediction, not an earlier call.
    """
    _TIMING.set((timing, requested_by_call))


def timing() -> tuple[Timing | None, bool]:
    """Return what ``set_timing`` was called with in this request."""
    return _TIMING.get()
