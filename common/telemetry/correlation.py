"""The id under which a call is found in the logs of every process that had to do with it.

A prediction goes by its own id. What fails without one gets an id when it is first asked for, so
that a call that succeeds pays nothing.
"""

from contextvars import ContextVar
from typing import Final
from uuid import uuid4

_CORRELATION_ID: Final[ContextVar[str]] = ContextVar("correlation_id", default="")


def correlate(prediction_id: str) -> None:
    """From now on the call under way, and what it logs, goes by this id."""
    _CORRELATION_ID.set(prediction_id)


def known_correlation_id() -> str:
    """The id of the call under way; empty if it has none so far, or none is under way."""
    return _CORRELATION_ID.get()


def correlation_id() -> str:
    """The id of the call under way, which has one from now on."""
    known = _CORRELATION_ID.get()
    if not known:
        known = str(uuid4())
        _CORRELATION_ID.set(known)
    return known
