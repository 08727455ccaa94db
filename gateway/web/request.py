"""Quart's request, with an owner, a time for its body, and headers that are read once."""

import asyncio
from functools import cached_property
from typing import Any, Final, cast

from quart import Request, request
from quart.wrappers.request import Body
from werkzeug.exceptions import RequestTimeout

from common.telemetry.trace_context import valid_traceparent, valid_tracestate
from gateway.prediction_id import NO_OWNER

BODY_TIMEOUT_S: Final = 30
"""How long a client may take to send a body."""


class TimedBody(Body):
    """A body to be read within ``BODY_TIMEOUT_S``; one that is all here costs no timer."""

    _is_complete = False

    def set_complete(self) -> None:
        """Nothing more will come."""
        super().set_complete()
        self._is_complete = True

    async def read(self) -> bytes:
        """The whole body.

        Raises:
            RequestTimeout: its sender is too slow.
            RequestEntityTooLarge: it is larger than ``MAX_CONTENT_LENGTH``.
        """
        if self._is_complete:
            return bytes(await self)
        try:
            async with asyncio.timeout(BODY_TIMEOUT_S):
                return bytes(await self)
        except TimeoutError as exc:
            raise RequestTimeout from exc


class GatewayRequest(Request):
    """A request with a ``TimedBody``; ``owner`` is the name of the key that it came with.

    Properties that Quart computes at each access, or slowly where there is nothing, such as a
    header, are computed once here.
    """

    body_class = TimedBody
    owner = NO_OWNER

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
    """The current request itself, since each access through Quart's proxy takes its time."""
    proxy = cast(Any, request)
    return cast(GatewayRequest, proxy._get_current_object())  # noqa: SLF001 - werkzeug documents it


def trace_headers(request: GatewayRequest) -> dict[str, str]:
    """The W3C Trace Context of a request; ``tracestate`` counts only with a ``traceparent``."""
    traceparent = valid_traceparent(request.header("traceparent"))
    if traceparent is None:
        return {}
    tracestate = valid_tracestate(request.headers_of("tracestate"))
    state = {"tracestate": tracestate} if tracestate else {}
    return {"traceparent": traceparent} | state
