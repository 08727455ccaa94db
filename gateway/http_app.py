"""The gateway's HTTP side without its routes: limits, errors, counting."""

import time
from types import TracebackType

import structlog
from quart import Quart, Request, Response, request
from quart.typing import ResponseTypes
from werkzeug.exceptions import HTTPException

from common.correlation import correlation_id
from common.errors import PredictionError
from common.http_server import ANSWER_TIMEOUT_S, SYSTEM_BOUNDS_ANSWERS
from gateway.metrics import HttpMetrics
from gateway.problems import http_problem, prediction_problem
from gateway.timed_request import TimedRequest

log = structlog.get_logger()


class HttpApp(Quart):
    """Counts and times each answer under its route's pattern; answers every error."""

    request_class = TimedRequest

    def __init__(self, metrics: HttpMetrics, max_body_bytes: int) -> None:
        super().__init__("gateway", static_folder=None)
        self._metrics = metrics
        self.url_map.merge_slashes = False  # such a path is unknown, not redirected
        self.config["MAX_CONTENT_LENGTH"] = max_body_bytes
        # Each of Quart's own timeouts would be a task and a timer for every request.
        self.config["BODY_TIMEOUT"] = None
        self.config["RESPONSE_TIMEOUT"] = None if SYSTEM_BOUNDS_ANSWERS else ANSWER_TIMEOUT_S
        self.register_error_handler(PredictionError, _on_prediction_error)
        self.register_error_handler(HTTPException, _on_http_error)  # the unexpected among them

    async def handle_request(self, request: Request) -> ResponseTypes:
        """Answer a request, errors included."""
        started_s = time.perf_counter()
        response = await super().handle_request(request)
        route = request.url_rule.rule if request.url_rule else "unknown"
        self._metrics.answered(route, response.status_code, time.perf_counter() - started_s)
        return response

    def log_exception(
        self,
        exception_info: tuple[type, BaseException, TracebackType] | tuple[None, None, None],
    ) -> None:
        """Log what nobody foresaw, in one line with the id that its caller gets."""
        log.error(
            "unexpected failure",
            correlation_id=correlation_id(),
            method=request.method,
            path=request.path,
            exc_info=exception_info,
        )


async def _on_prediction_error(error: PredictionError) -> Response:
    return prediction_problem(error)


async def _on_http_error(error: HTTPException) -> Response:
    return http_problem(error)
