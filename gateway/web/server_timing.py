"""The header ``Server-Timing`` (W3C): queue time, model time and total time. No I/O."""

from typing import Final

from common.contract.timing import Timing
from gateway import call_context

NOT_FINISHED: Final = 202


def server_timing(method: str, route: str, status: int, took_s: float) -> str:
    """Build the header of a response that took ``took_s`` seconds; empty if it has none."""
    if status == NOT_FINISHED:
        return ""
    timing, requested_by_call = call_context.timing()
    if method == "POST" and route.endswith("/predict"):
        return _call_header(timing, took_s * 10_000, requested_by_call)
    return _result_header(timing) if timing and method in ("GET", "HEAD") else ""


def _call_header(timing: Timing | None, total: float, requested_by_call: bool) -> str:
    """Build the header of a call that waited for a prediction; ``total`` is in 0.1 ms.

    If this call has requested the prediction, its queue time is cut to what the call's own time
    leaves for it: clocks differ.
    """
    if timing is None:
        return f"total;dur={total / 10:.1f}"
    longest = max(0.0, total - timing.model) if requested_by_call else timing.queue
    return _render(min(timing.queue, longest), timing.model, total)


def _result_header(timing: Timing) -> str:
    """Build the header of a result that is fetched later; the total is the sum of both times."""
    return _render(timing.queue, timing.model, timing.queue + timing.model)


def _render(queue: float, model: float, total: float) -> str:
    """Render durations in milliseconds, from tenths of milliseconds."""
    return f"queue;dur={queue / 10:.1f}, model;dur={model / 10:.1f}, total;dur={total / 10:.1f}"
