"""``Server-Timing`` (W3C): how long a prediction waited, ran, and took altogether."""

from contextvars import ContextVar
from typing import Final

from common.contract.timing import Timing

NOT_FINISHED: Final = 202

_PREDICTION: Final[ContextVar[Timing | None]] = ContextVar("timing", default=None)
_IS_OF_CALL: Final[ContextVar[bool]] = ContextVar("is_of_call", default=False)


def note_timing(timing: Timing | None, *, is_of_call: bool) -> None:
    """Remember how long the prediction took that is being answered, well or not.

    ``is_of_call``: it was asked for by the call under way, and not before.
    """
    _PREDICTION.set(timing)
    _IS_OF_CALL.set(is_of_call)


def server_timing(method: str, route: str, status: int, took_s: float) -> str:
    """The header of an answer that took ``took_s`` seconds; empty if it is to have none."""
    if status == NOT_FINISHED:
        return ""
    timing = _PREDICTION.get()
    if method == "POST" and route.endswith("/predict"):
        return _of_call(timing, took_s * 10_000)
    return _of_result(timing) if timing and method in ("GET", "HEAD") else ""


def _of_call(timing: Timing | None, total: float) -> str:
    """Of a call that waited for a prediction.

    If that is its own, a queue's share that is longer than the call leaves room for is cut: clocks
    differ.
    """
    if timing is None:
        return f"total;dur={total / 10:.1f}"
    longest = max(0.0, total - timing.model) if _IS_OF_CALL.get() else timing.queue
    return _spelt(min(timing.queue, longest), timing.model, total)


def _of_result(timing: Timing) -> str:
    """Of a result that was asked for later: from its acceptance until it was there."""
    return _spelt(timing.queue, timing.model, timing.queue + timing.model)


def _spelt(queue: float, model: float, total: float) -> str:
    """Tenths of milliseconds as milliseconds."""
    return f"queue;dur={queue / 10:.1f}, model;dur={model / 10:.1f}, total;dur={total / 10:.1f}"
