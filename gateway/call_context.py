"""What is known of the HTTP request under way, for its line in the log and its span.

Its correlation id is in ``common/telemetry/correlation.py``: that is on every line.
Noted by whoever knows it first, deep inside; told once, at the edge, when the request is answered.
"""

from contextvars import ContextVar
from typing import Any, Final

_FACTS: Final[ContextVar[dict[str, Any] | None]] = ContextVar("facts", default=None)


def begin_request() -> dict[str, Any]:
    """A request begins; returns what ``add_log_fields`` adds to from now on, in this task."""
    facts: dict[str, Any] = {}
    _FACTS.set(facts)
    return facts


def add_log_fields(**facts: Any) -> None:
    """Something is known: never an input, a result or a key. Outside of a request nobody asks."""
    known = _FACTS.get()
    if known is not None:
        known.update(facts)
