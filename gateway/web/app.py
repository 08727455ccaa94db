"""The Quart application without its routes: limits, errors, log lines, metrics, spans."""

import asyncio
import logging
import time
from types import TracebackType
from typing import Any, Final

import structlog
from quart import Quart, Request, Response, request
from quart.sessions import NullSession, SecureCookieSessionInterface
from quart.typing import ResponseTypes
from quart.wrappers.base import BaseRequestWebsocket
from werkzeug.exceptions import HTTPException
from werkzeug.routing import MapAdapter

from common.errors import PredictionError
from common.http.listener import ANSWER_TIMEOUT_S, SYSTEM_BOUNDS_ANSWERS
from common.telemetry.correlation import correlation_id, known_correlation_id
from common.telemetry.tracing import Span, Tracer
from gateway import call_context
from gateway.web.asgi import AsgiConnection
from gateway.web.errors import http_problem, prediction_problem
from gateway.web.http_metrics import HttpMetrics
from gateway.web.request import GatewayRequest, trace_headers
from gateway.web.server_timing import server_timing

QUIET: Final = frozenset({"/livez", "/readyz", "/metrics"})
"""Paths that monitoring polls: counted, but neither logged nor traced."""

NO_SESSION: Final = NullSession()

log = structlog.get_logger()


class _NoSessions(SecureCookieSessionInterface):
    """Quart's sessions, switched off: no route has one, so no cookie is read or set.

    A subclass of Quart's own, because that is the type of ``session_interface``.
    """

    async def open_session(self, app: Quart, request: BaseRequestWebsocket) -> NullSession:
        return NO_SESSION


class GatewayApp(Quart):
    """Quart, with a response to every error and observation of every request.

    Each request is counted and timed under its route's pattern, logged in one line, and traced if
    there is a ``tracer``.
    """

    request_class = GatewayRequest
    asgi_http_class = AsgiConnection
    session_interface = _NoSessions()

    def __init__(
        self, metrics: HttpMetrics, max_body_bytes: int, tracer: Tracer | None = None
    ) -> None:
        super().__init__("gateway", static_folder=None)
        self._metrics = metrics
        self._tracer = tracer
        self._log = structlog.get_logger().bind()  # once, instead of for each line
        self.url_map.merge_slashes = False  # a path with // is unknown, not redirected
        self.config["MAX_CONTENT_LENGTH"] = max_body_bytes
        # Each of Quart's own timeouts would be a task and a timer for every request.
        self.config["BODY_TIMEOUT"] = None
        self.config["RESPONSE_TIMEOUT"] = None if SYSTEM_BOUNDS_ANSWERS else ANSWER_TIMEOUT_S
        self.register_error_handler(PredictionError, _on_prediction_error)
        self.register_error_handler(HTTPException, _on_http_error)  # unhandled exceptions too

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

    async def handle_request(self, request: Request) -> ResponseTypes:
        """Respond to a request, also if it fails; log, count and trace it."""
        started_s = time.perf_counter()
        fields = call_context.begin_request()
        try:
            if self._tracer is None or _is_quiet(request):
                response = await self._respond(request)
            else:
                response = await self._traced(self._tracer, request, fields)
        except asyncio.CancelledError:
            self._log_request(request, None, time.perf_counter() - started_s, fields)
            raise
        took_s = time.perf_counter() - started_s
        route, status = _route(request), response.status_code
        if timing := server_timing(request.method, route, status, took_s):
            response.headers["Server-Timing"] = timing
        self._metrics.count_response(request.method, route, status, took_s)
        self._log_request(request, status, took_s, fields)
        return response

    async def _respond(self, request: Request) -> ResponseTypes:
        try:
            return await super().handle_request(request)
        except asyncio.CancelledError:
            call_context.add_log_fields(state="caller left")
            raise

    async def _traced(
        self, tracer: Tracer, request: Request, fields: dict[str, Any]
    ) -> ResponseTypes:
        assert isinstance(request, GatewayRequest)
        with tracer.request(request.method, request.path, trace_headers(request)) as span:
            call_context.add_log_fields(trace_id=span.trace_id)
            status = None
            try:
                response = await self._respond(request)
                status = response.status_code
                return response
            finally:
                _finish_span(span, request, status, fields)

    def _log_request(
        self, request: Request, status: int | None, took_s: float, fields: dict[str, Any]
    ) -> None:
        if self._log.is_enabled_for(logging.INFO) and not _is_quiet(request):
            self._log.info(
                "request",
                method=request.method,
                route=_route(request),
                status=status,
                ms=round(took_s * 1000, 2),
                **fields,
            )

    def log_exception(
        self,
        exception_info: tuple[type, BaseException, TracebackType] | tuple[None, None, None],
    ) -> None:
        """Log an unhandled exception in one line, with the id that its caller gets."""
        log.error(
            "unexpected failure",
            correlation_id=correlation_id(),
            method=request.method,
            path=request.path,
            exc_info=exception_info,
        )


def _is_quiet(request: Request) -> bool:
    return request.path in QUIET and request.method in ("GET", "HEAD")


def _route(request: Request) -> str:
    return request.url_rule.rule if request.url_rule else "unknown"


def _finish_span(span: Span, request: Request, status: int | None, fields: dict[str, Any]) -> None:
    if request.url_rule:
        span.rename(f"{request.method} {request.url_rule.rule}")
        span.note({"http.route": request.url_rule.rule})
    if prediction_id := known_correlation_id():
        span.note({"predictmq.correlation_id": prediction_id})
    span.note(
        {f"predictmq.{name}": fields[name] for name in ("model", "state", "code") if name in fields}
    )
    if status is None:  # the caller has left
        return
    span.note({"http.response.status_code": status})
    if status >= 500:
        span.fail(str(fields.get("code", status)))


async def _on_prediction_error(error: PredictionError) -> Response:
    return prediction_problem(error)


async def _on_http_error(error: HTTPException) -> Response:
    return http_problem(error)
