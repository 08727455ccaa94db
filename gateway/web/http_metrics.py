"""Metrics of HTTP requests, under the names of the Prometheus conventions."""

from prometheus_client import CollectorRegistry, Counter, Histogram

from common.telemetry.semantic_conventions import http_method


class HttpMetrics:
    """The count of requests by method, route and status, and their durations."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._requests = Counter(
            "predictmq_http_requests",
            "HTTP requests answered.",
            ["method", "route", "status"],
            registry=registry,
        )
        self._seconds = Histogram(
            "predictmq_http_request_duration_seconds",
            "Seconds from a request's head to its answer's head.",
            ["method", "route"],
            registry=registry,
        )
        self._labelled: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}

    def count_response(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one response, and observe its duration."""
        method = http_method(method)  # clients can send any, but labels are few
        labelled = self._labelled.get((method, route, status))
        if labelled is None:  # a look-up by labels takes longer than counting
            labelled = (
                self._requests.labels(method, route, str(status)),
                self._seconds.labels(method, route),
            )
            self._labelled[method, route, status] = labelled
        requests, durations = labelled
        requests.inc()
        durations.observe(seconds)
