"""Quart's request, with an owner, a timeout for its body, and headers that are decoded once."""

import asyncio
from collections.abc import Generator
from functools import cached_property
from typing import Any, Final, cast

from quart import Request, request
from quart.wrappers.request import Body
from werkzeug.exceptions import RequestEntityTooLarge, RequestTimeout

from common.telemetry.trace_context import valid_traceparent, valid_tracestate
from gateway.prediction_id import NO_OWNER

BODY_TIMEOUT_S: Final = 30
"""Time that a client has for sending a body."""


class TimedBody(Body):
    """A body that is read within ``BODY_TIMEOUT_S``; without a timer if it is complete already.

    It is read whole. Its parts are joined once, and a single one is returned as it is: Quart copies
    each part into a buffer that grows, and the buffer once more.
    """

    _is_complete = False

    def __init__(self, expected_content_length: int | None, max_content_length: int | None) -> None:
        super().__init__(expected_content_length, max_content_length)
        self._parts: list[bytes] = []
        self._size_bytes = 0

    def append(self, data: bytes) -> None:
        """Add a part, unless the body is too large with it: then the body is complete."""
        if self._must_raise is not None:
            return
        self._size_bytes += len(data)
        if self._max_content_length is not None and self._size_bytes > self._max_content_length:
            self._must_raise = RequestEntityTooLarge()
            self.set_complete()
        else:
            self._parts.append(data)

    def __await__(self) -> Generator[Any, None, bytes]:
        yield from super().__await__()
        return b"".join(self._parts)

    def set_complete(self) -> None:
        """Mark the body as complete."""
        super().set_complete()
        self._is_complete = True

    async def read(self) -> bytes:
        """Read the whole body.

        Raises:
            RequestTimeout: the client is too slow.
            RequestEntityTooLarge: the body is larger than ``MAX_CONTENT_LENGTH``.
        """
        if self._is_complete:
            return await self
        try:
            async with asyncio.timeout(BODY_TIMEOUT_S):
                return await self
        except TimeoutError as exc:
            raise RequestTimeout from exc


class GatewayRequest(Request):
    """A request with a ``TimedBody``; ``owner`` is the name of the caller's API key.

    Quart computes some properties at each access, and headers slowly where there are none; here
    they are computed once.
    """

    body_class = TimedBody
    owner = NO_OWNER

    def header(self, name: str) -> str | None:
        """Return the first header of a name, which is in lower case; None if there is none."""
        return self._first.get(name)

    def headers_of(self, name: str) -> list[str]:
        """Return all headers of a name, which is in lower case."""
        return self.headers.getlist(name) if name in self._first else []

    @cached_property
    def blueprints(self) -> list[str]:
        """The name of the route's blueprint, as a list of one: no blueprint is nested."""
        return [] if self.blueprint is None else [self.blueprint]

    @cached_property
    def _first(self) -> dict[str, str]:
        headers = reversed(tuple(self.scope["headers"]))
        return {name.decode("latin1").lower(): value.decode("latin1") for name, value in headers}


def this_request() -> GatewayRequest:
    """Return the current request itself: each access through Quart's proxy takes time."""
    proxy = cast(Any, request)
    return cast(GatewayRequest, proxy._get_current_object())  # noqa: SLF001 - werkzeug documents it


def trace_headers(request: GatewayRequest) -> dict[str, str]:
    """Read the W3C Trace Context; ``tracestate`` counts only with a valid ``traceparent``."""
    traceparent = valid_traceparent(request.header("traceparent"))
    if traceparent is None:
        return {}
    tracestate = valid_tracestate(request.headers_of("tracestate"))
    state = {"tracestate": tracestate} if tracestate else {}
    return {"traceparent": traceparent} | state
