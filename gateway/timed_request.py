"""A request as this gateway takes it: read within a time, and somebody's."""

from quart import Request, request

from gateway.prediction_id import NOBODY
from gateway.request_bodies import TimedBody


class TimedRequest(Request):
    """A request with a ``TimedBody``; ``owner`` is the name of the key that it came with."""

    body_class = TimedBody
    owner = NOBODY


def caller() -> str:
    """The owner of what the request under way has done."""
    assert isinstance(request, TimedRequest)
    return request.owner
