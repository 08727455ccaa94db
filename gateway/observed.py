"""An application that tells of each request: a count, a duration, a line, and maybe a span."""

import asyncio
import time
from typing import Any, Final

import structlog
from quart import Quart, Request
from quart.typing import ResponseTypes

from common.correlation import known_correlation_id
from common.tracing import Span, Tracer
from gateway import facts
from gateway.facts import note
from gateway.metrics import HttpMetrics
from gateway.routes import TimedRequest, trace_headers
from gateway.server_timing import server_timing

QUIET: Final = frozenset({"/livez", "/readyz", "/metrics"})
"""Asked by machines, all the time: counted, but without a line and a span."""


class ObservedQuart(Quart):
    """Tells of each answer under its route's pattern."""

    request_class = TimedRequest

    def __init__(self, metrics: HttpMetrics, tracer: Tracer | None) -> None:
        super().__init__("gateway")
        self._metrics = metrics
        self._tracer = tracer
        self._log = structlog.get_logger().bind()  # once, instead of for each line

    async def handle_request(self, request: Request) -> ResponseTypes:
        """Answer a request, errors included."""
        started_s = time.perf_counter()
        known = facts.begin()
        try:
            if self._tracer is None or request.path in QUIET:
                response = await super().handle_request(request)
            else:
                response = await self._traced(self._tracer, request, known)
        except asyncio.CancelledError:
            note(state="caller left")
            self._tell(request, None, time.perf_counter() - started_s, known)
            raise
        took_s = time.perf_counter() - started_s
        route, status = _route(request), response.status_code
        if timing := server_timing(request.method, route, status, took_s):
            response.headers["Server-Timing"] = timing
        self._metrics.answered(route, status, took_s)
        self._tell(request, status, took_s, known)
        return response

    async def _traced(
        self, tracer: Tracer, request: Request, known: dict[str, Any]
    ) -> ResponseTypes:
        with tracer.request(request.method, request.path, _context(request)) as span:
            note(trace_id=span.trace_id)
            response = await super().handle_request(request)
            _finish(span, request, response.status_code, known)
            return response

    def _tell(
        self, request: Request, status: int | None, took_s: float, known: dict[str, Any]
    ) -> None:
        if request.path not in QUIET:
            self._log.info(
                "request",
                method=request.method,
                route=_route(request),
                status=status,
                ms=round(took_s * 1000, 2),
                **known,
            )


def _route(request: Request) -> str:
    return request.url_rule.rule if request.url_rule else "unknown"


def _context(request: Request) -> dict[str, str]:
    headers = zip(("traceparent", "tracestate"), trace_headers(request), strict=True)
    return {name: value for name, value in headers if value}


def _finish(span: Span, request: Request, status: int, known: dict[str, Any]) -> None:
    if request.url_rule:
        span.rename(f"{request.method} {request.url_rule.rule}")
        span.note({"http.route": request.url_rule.rule})
    if correlation_id := known_correlation_id():
        span.note({"predictmq.correlation_id": correlation_id})
    span.note(
        {"http.response.status_code": status}
        | {f"predictmq.{fact}": known[fact] for fact in ("model", "state", "code") if fact in known}
    )
    if status >= 500:
        span.fail(str(known.get("code", status)))
