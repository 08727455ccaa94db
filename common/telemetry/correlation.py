"""The correlation id of a call: the same in the logs of every process that takes part in it.

For a prediction it is the prediction's own id. Any other call gets one when it is first needed, for
an error, so that a call that succeeds costs nothing.
"""

from contextvars import ContextVar
from typing import Final
from uuid import uuid4

_CORRELATION_ID: Final[ContextVar[str]] = ContextVar("correlation_id", default="")


def correlate(prediction_id: str) -> None:
    """Set the id of the current call and of the lines that it logs."""
    _CORRELATION_ID.set(prediction_id)


def known_correlation_id() -> str:
    """Return the id of the current call; empty if it has none yet, or outside of calls."""
    return _CORRELATION_ID.get()


def correlation_id() -> str:
    """Return the id of the current call, which is made if it has none yet."""
    known = _CORRELATION_ID.get()
    if not known:
        known = str(uuid4())
        _CORRELATION_ID.set(known)
    return known
