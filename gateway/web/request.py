"""A request as this gateway takes it: read within a time, and somebody's."""

from functools import cached_property
from typing import Any, cast

from quart import Request, request

from common.telemetry.trace_context import valid_traceparent, valid_tracestate
from gateway.prediction_id import NOBODY
from gateway.web.timed_body import TimedBody


class GatewayRequest(Request):
    """A request with a ``TimedBody``; ``owner`` is the name of the key that it came with.

    What Quart works out anew each time it is asked, or takes long over what is not there, such as a
    header, is worked out once here.
    """

    body_class = TimedBody
    owner = NOBODY

    def header(self, name: str) -> str | None:
        """The first header of a name, which is in lower case; None if there is none."""
        return self._first.get(name)

    def headers_of(self, name: str) -> list[str]:
        """All headers of a name, which is in lower case."""
        return self.headers.getlist(name) if name in self._first else []

    @cached_property
    def blueprints(self) -> list[str]:
        """The name of its route's blueprint, none of which are nested."""
        return [] if self.blueprint is None else [self.blueprint]

    @cached_property
    def _first(self) -> dict[str, str]:
        headers = reversed(tuple(self.scope["headers"]))
        return {name.decode("latin1").lower(): value.decode("latin1") for name, value in headers}


def this_request() -> GatewayRequest:
    """The request under way: itself, where each look through Quart's proxy takes its time."""
    return cast(GatewayRequest, cast(Any, request)._get_current_object())


def trace_headers(of: GatewayRequest) -> tuple[str | None, str | None]:
    """The ``traceparent`` and ``tracestate`` of a request; without the one the other is ignored."""
    traceparent = valid_traceparent(of.header("traceparent"))
    return traceparent, valid_tracestate(of.headers_of("tracestate")) if traceparent else None
