"""The observation of every request: its log line, its metrics, its span, ``Server-Timing``."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final

import structlog

from common.telemetry.correlation import known_correlation_id
from common.telemetry.tracing import Span, Tracer
from gateway import call_context
from gateway.web.http_metrics import HttpMetrics
from gateway.web.request import GatewayRequest, trace_headers
from gateway.web.response import GatewayResponse
from gateway.web.server_timing import server_timing

QUIET: Final = frozenset({"/livez", "/readyz", "/metrics"})
"""Paths that monitoring polls: counted, but neither logged nor traced."""

Respond = Callable[[GatewayRequest], Awaitable[GatewayResponse]]


class RequestObserver:
    """The observer of requests; they are traced if there is a ``tracer``."""

    def __init__(self, metrics: HttpMetrics, tracer: Tracer | None) -> None:
        self._metrics = metrics
        self._tracer = tracer
        self._log = structlog.get_logger().bind()  # once, instead of for each line

    async def observe(self, request: GatewayRequest, respond: Respond) -> GatewayResponse:
        """Respond to a request; log, count and trace it under its route's pattern."""
        started_s = time.perf_counter()
        fields = call_context.begin_request()
        try:
            if self._tracer is None or _is_quiet(request):
                response = await respond(request)
            else:
                response = await self._trace(self._tracer, request, respond, fields)
        except asyncio.CancelledError:
            self._log_request(request, None, time.perf_counter() - started_s, fields)
            raise
        took_s = time.perf_counter() - started_s
        route, status = _pattern(request), response.status_code
        if timing := server_timing(request.method, route, status, took_s):
            response.headers["Server-Timing"] = timing
        self._metrics.count_response(request.method, route, status, took_s)
        self._log_request(request, status, took_s, fields)
        return response

    async def _trace(
        self, tracer: Tracer, request: GatewayRequest, respond: Respond, fields: dict[str, Any]
    ) -> GatewayResponse:
        with tracer.request(request.method, request.path, trace_headers(request)) as span:
            call_context.add_log_fields(trace_id=span.trace_id)
            status = None
            try:
                response = await respond(request)
                status = response.status_code
                return response
            finally:
                _finish_span(span, request, status, fields)

    def _log_request(
        self, request: GatewayRequest, status: int | None, took_s: float, fields: dict[str, Any]
    ) -> None:
        if self._log.is_enabled_for(logging.INFO) and not _is_quiet(request):
            self._log.info(
                "request",
                method=request.method,
                route=_pattern(request),
                status=status,
                ms=round(took_s * 1000, 2),
                **fields,
            )


def _is_quiet(request: GatewayRequest) -> bool:
    return request.path in QUIET and request.method in ("GET", "HEAD")


def _pattern(request: GatewayRequest) -> str:
    return request.route.pattern if request.route else "unknown"


def _finish_span(
    span: Span, request: GatewayRequest, status: int | None, fields: dict[str, Any]
) -> None:
    if request.route:
        span.rename(f"{request.method} {request.route.pattern}")
        span.note({"http.route": request.route.pattern})
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
