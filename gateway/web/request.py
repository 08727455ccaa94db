"""An HTTP request as the handlers read it: decoded from its ASGI scope when it is needed."""

from collections.abc import Callable, Mapping
from contextvars import ContextVar
from functools import cached_property
from typing import Any, Final

from quart import Request

from common.http.error_response import JSON
from common.telemetry.trace_context import valid_traceparent, valid_tracestate
from gateway.prediction_id import NO_OWNER
from gateway.web.body import RequestBody
from gateway.web.router import Route

_THIS_REQUEST: Final[ContextVar["GatewayRequest"]] = ContextVar("request")


class GatewayRequest:
    """The request of an ASGI ``scope``; names of headers are in lower case.

    ``owner`` is the name of the caller's API key. ``route`` is None until one is found.
    ``response_headers`` are for the response, also if it is an error. ``make_quart_request`` makes
    Quart's own request of the same scope.
    """

    def __init__(
        self, scope: Mapping[str, Any], body: RequestBody, make_quart_request: Callable[[], Request]
    ) -> None:
        self._headers = scope["headers"]
        self._first: dict[bytes, bytes] = dict(reversed(tuple(self._headers)))
        self._client = scope.get("client")
        self._make_quart_request = make_quart_request
        self.method: str = scope["method"].upper()
        self.path: str = scope["path"]
        self.query_string: bytes = scope["query_string"]
        self.body = body
        self.owner = NO_OWNER
        self.route: Route | None = None
        self.response_headers: dict[str, str] = {}

    def header(self, name: str) -> str | None:
        """Return the first header of a name; None if there is none."""
        value = self._first.get(name.encode())
        return None if value is None else value.decode("latin1")

    def headers_of(self, name: str) -> list[str]:
        """Return all headers of a name."""
        key = name.encode()
        if key not in self._first:
            return []
        return [value.decode("latin1") for each, value in self._headers if each == key]

    @property
    def remote_addr(self) -> str:
        """The address of the client."""
        return self._client[0] if self._client else "<local>"

    @property
    def is_json(self) -> bool:
        """True if the content type is ``application/json``, or another one of JSON."""
        content_type = self.header("content-type") or ""
        media_type = content_type.partition(";")[0].strip().lower()
        return media_type == JSON or (
            media_type.startswith("application/") and media_type.endswith("+json")
        )

    @cached_property
    def quart(self) -> Request:
        """Quart's own request, for what is rarely needed; it has no body."""
        return self._make_quart_request()


def set_this_request(request: GatewayRequest) -> None:
    """Make ``request`` the current one of this task."""
    _THIS_REQUEST.set(request)


def this_request() -> GatewayRequest:
    """Return the current request."""
    return _THIS_REQUEST.get()


def trace_headers(request: GatewayRequest) -> dict[str, str]:
    """Read the W3C Trace Context; ``tracestate`` counts only with a valid ``traceparent``."""
    traceparent = valid_traceparent(request.header("traceparent"))
    if traceparent is None:
        return {}
    tracestate = valid_tracestate(request.headers_of("tracestate"))
    state = {"tracestate": tracestate} if tracestate else {}
    return {"traceparent": traceparent} | state
