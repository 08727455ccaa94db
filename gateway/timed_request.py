"""A request as this gateway takes it: read within a time, and somebody's."""

from functools import cached_property

from quart import Request, request

from common.tracing import valid_traceparent, valid_tracestate
from gateway.prediction_id import NOBODY
from gateway.request_bodies import TimedBody


class TimedRequest(Request):
    """A request with a ``TimedBody``; ``owner`` is the name of the key that it came with."""

    body_class = TimedBody
    owner = NOBODY

    @cached_property
    def blueprints(self) -> list[str]:  # Quart asks again at each step, once the route is known
        """See Quart."""
        return super().blueprints


def trace_headers(of: Request) -> tuple[str | None, str | None]:
    """The ``traceparent`` and ``tracestate`` of a request; without the one the other is ignored."""
    traceparent = valid_traceparent(of.headers.get("traceparent"))
    return traceparent, valid_tracestate(of.headers.getlist("tracestate")) if traceparent else None


def caller() -> str:
    """The owner of what the request under way has done."""
    assert isinstance(request, TimedRequest)
    return request.owner
