"""``Server-Timing`` (W3C): how long a prediction waited, ran, and took altogether."""

from contextvars import ContextVar
from typing import Final

from common.timing import Timing

NOT_FINISHED: Final = 202

_PREDICTION: Final[ContextVar[Timing | None]] = ContextVar("timing", default=None)


def note_timing(timing: Timing | None) -> None:
    """Remember how long the prediction took that is being answered, well or not."""
    _PREDICTION.set(timing)


def server_timing(method: str, route: str, status: int, took_s: float) -> str:
    """The header of an answer that took ``took_s`` seconds; empty if it is to have none."""
    if status == NOT_FINISHED:
        return ""
    timing = _PREDICTION.get()
    if method == "POST" and route.endswith("/predict"):
        return _of_call(timing, took_s * 10_000)
    return _of_result(timing) if timing and method == "GET" else ""


def _of_call(timing: Timing | None, total: float) -> str:
    """Of a call that waited for its prediction.

    A queue's share that is longer than the call leaves room for is cut: clocks differ.
    """
    if timing is None:
        return f"total;dur={total / 10:.1f}"
    return _spelt(min(timing.queue, max(0.0, total - timing.model)), timing.model, total)


def _of_result(timing: Timing) -> str:
    """Of a result that was asked for later: from its acceptance until it was there."""
    return _spelt(timing.queue, timing.model, timing.queue + timing.model)


def _spelt(queue: float, model: float, total: float) -> str:
    """Tenths of milliseconds as milliseconds."""
    return f"queue;dur={queue / 10:.1f}, model;dur={model / 10:.1f}, total;dur={total / 10:.1f}"
