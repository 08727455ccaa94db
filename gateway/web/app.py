"""The Quart application without its routes: from a request to its handler, and to its response.

Quart registers the routes. Its own dispatch is for any application: signals, sessions, contexts
that are copied, responses of any kind. Here a request takes the short way of ``_handle``.
"""

import asyncio
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any, cast

import structlog
from quart import Quart, Response
from quart.wrappers.base import BaseRequestWebsocket
from werkzeug.exceptions import HTTPException
from werkzeug.routing import MapAdapter

from common.errors import InternalError, PredictionError
from common.telemetry.correlation import correlation_id
from common.telemetry.tracing import Tracer
from gateway.call_context import add_log_fields
from gateway.web.asgi import AsgiConnection
from gateway.web.errors import http_problem, prediction_problem
from gateway.web.http_metrics import HttpMetrics
from gateway.web.observation import RequestObserver
from gateway.web.request import GatewayRequest, set_this_request, this_request
from gateway.web.response import BytesResponse, GatewayResponse
from gateway.web.router import Router

log = structlog.get_logger()

Check = Callable[[GatewayRequest], None]
"""Raises the error that a request gets instead of its handler's response."""

HeaderSource = Callable[[GatewayRequest], Mapping[str, str]]
"""Returns headers for the response to a request."""


class GatewayApp(Quart):
    """Quart, with a response to every error and observation of every request.

    ``early_checks`` run before a route is looked for, ``checks`` before each handler, and
    ``header_sources`` add to each response, in their order.
    Of the functions that can be registered with Quart, only those of ``after_request`` are called.
    """

    asgi_http_class = AsgiConnection

    def __init__(
        self, metrics: HttpMetrics, max_body_bytes: int, tracer: Tracer | None = None
    ) -> None:
        super().__init__("gateway", static_folder=None)
        self.url_map.merge_slashes = False  # a path with // is unknown, not redirected
        self.max_body_bytes = max_body_bytes
        self.early_checks: list[Check] = []
        self.checks: list[Check] = []
        self.header_sources: list[HeaderSource] = []
        self._observer = RequestObserver(metrics, tracer)

    async def respond(self, request: GatewayRequest) -> GatewayResponse:
        """Respond to a request, also if it fails; log, count and trace it."""
        set_this_request(request)
        return await self._observer.observe(request, self._respond)

    async def _respond(self, request: GatewayRequest) -> GatewayResponse:
        try:
            return await self._finish(request, await self._handle(request))
        except asyncio.CancelledError:
            add_log_fields(state="caller left")
            raise
        except Exception as exc:
            return self._unexpected(exc)

    async def _handle(self, request: GatewayRequest) -> GatewayResponse:
        """Run the checks, find the route, call its handler; an error becomes a response."""
        try:
            for check in self.early_checks:
                check(request)
            if request.path == "*":  # OPTIONS of the server itself (RFC 9110, section 9.3.7)
                return self._server_options()
            request.route, arguments = self._router.match(request.method, request.path)
            for check in self.checks:
                check(request)
            if request.method == "OPTIONS" and request.route.has_automatic_options:
                return self._options_response(request.path)
            returned = await request.route.handler(**arguments)
        except PredictionError as exc:
            return prediction_problem(exc)
        except HTTPException as exc:
            return http_problem(exc)
        except Exception as exc:
            return self._unexpected(exc)
        is_response = isinstance(returned, BytesResponse | Response)
        return returned if is_response else cast(Response, await self.make_response(returned))

    async def _finish(self, request: GatewayRequest, response: GatewayResponse) -> GatewayResponse:
        """Add the headers that do not depend on the handler."""
        response.headers.update(request.response_headers)
        if functions := self.after_request_funcs.get(None):
            if isinstance(response, BytesResponse):
                response = response.quart()
            async with self.request_context(request.quart):
                for function in reversed(functions):
                    response = await self.ensure_async(function)(response)
        for source in self.header_sources:
            response.headers.update(source(request))
        return response

    @cached_property
    def _router(self) -> Router:
        """The router of all routes; the first request needs it, when all are registered."""
        _refuse_unsupported(self)
        handlers = {name: self.ensure_async(view) for name, view in self.view_functions.items()}
        return Router(self.url_map, handlers)

    def _server_options(self) -> Response:
        methods = {each for rule in self.url_map.iter_rules() for each in rule.methods or ()}
        return Response(status=204, headers={"Allow": ", ".join(sorted(methods))})

    def _options_response(self, path: str) -> Response:
        return Response("", headers={"Allow": ", ".join(self._router.allowed_methods(path))})

    def _unexpected(self, exc: Exception) -> BytesResponse:
        """Log an unhandled exception in one line, with the id that its caller gets."""
        request = this_request()
        log.error(
            "unexpected failure",
            correlation_id=correlation_id(),
            method=request.method,
            path=request.path,
            exc_info=(type(exc), exc, exc.__traceback__),
        )
        return prediction_problem(InternalError())

    def create_url_adapter(self, request: BaseRequestWebsocket | None) -> MapAdapter | None:
        """Match by path alone: Quart looks for the host first, but no route depends on it."""
        if request is None:
            return super().create_url_adapter(None)
        return self.url_map.bind(
            "",
            url_scheme=request.scheme,
            default_method=request.method,
            path_info=request.path,
            query_args=request.query_string.decode("latin1"),
        )


def _refuse_unsupported(app: Quart) -> None:
    """Refuse functions that Quart would call and ``GatewayApp`` does not.

    Raises:
        NotImplementedError: there is one.
    """
    after_blueprints = {name: each for name, each in app.after_request_funcs.items() if name}
    registered: dict[str, Mapping[Any, Any]] = {
        "before_request": app.before_request_funcs,
        "after_request of a blueprint": after_blueprints,
        "teardown_request": app.teardown_request_funcs,
        "url_value_preprocessor": app.url_value_preprocessors,
        "errorhandler": app.error_handler_spec,
    }
    for name, functions in registered.items():
        if any(functions.values()):
            raise NotImplementedError(f"GatewayApp does not call functions of {name}.")
