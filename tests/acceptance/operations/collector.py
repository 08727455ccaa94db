"""A collector of OpenTelemetry that keeps spans, received by OTLP over HTTP, for a test."""

import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span as RawSpan

from predictmq.local.ports import LOOPBACK
from tests.support.harness.waiting import until


@dataclass(frozen=True)
class Span:
    """A span as it was exported; ids are hexadecimal, times are nanoseconds."""

    service: str
    name: str
    kind: str
    trace_id: str
    span_id: str
    parent_id: str
    state: str
    links: tuple[tuple[str, str], ...]
    started_ns: int
    ended_ns: int
    attributes: dict[str, Any]
    is_error: bool

    @classmethod
    def read(cls, service: str, raw: RawSpan) -> Self:
        """Read a span from its protobuf."""
        return cls(
            service=service,
            name=raw.name,
            kind=RawSpan.SpanKind.Name(raw.kind).removeprefix("SPAN_KIND_"),
            trace_id=raw.trace_id.hex(),
            span_id=raw.span_id.hex(),
            parent_id=raw.parent_span_id.hex(),
            state=raw.trace_state,
            links=tuple((link.trace_id.hex(), link.span_id.hex()) for link in raw.links),
            started_ns=raw.start_time_unix_nano,
            ended_ns=raw.end_time_unix_nano,
            attributes=_plain(raw.attributes),
            is_error=raw.status.code == 2,
        )


class Collector:
    """A collector on a free port, from its creation to the end of its context."""

    def __init__(self) -> None:
        self.spans: list[Span] = []
        collector = self

        class Receiver(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                collector.take(ExportTraceServiceRequest.FromString(body))
                answer = ExportTraceServiceResponse().SerializeToString()
                self.send_response(200 if self.path == "/v1/traces" else 404)
                self.send_header("Content-Type", "application/x-protobuf")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: object) -> None:
                """Log nothing: a failed test lists the missing spans."""

        self._server = ThreadingHTTPServer((LOOPBACK, 0), Receiver)
        self._serving = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._serving.start()

    @property
    def settings(self) -> dict[str, str]:
        """Return the settings of a service that exports to this collector without delay."""
        port = self._server.server_address[1]
        return {
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{LOOPBACK}:{port}",
            "OTEL_BSP_SCHEDULE_DELAY": "50",
        }

    def take(self, exported: ExportTraceServiceRequest) -> None:
        """Keep the spans of an export."""
        for resource in exported.resource_spans:
            service = str(_plain(resource.resource.attributes)["service.name"])
            for scope in resource.scope_spans:
                self.spans += [Span.read(service, raw) for raw in scope.spans]

    async def trace(self, trace_id: str, count: int) -> list[Span]:
        """Wait until a trace has ``count`` spans; returns them by their start."""

        async def are_there() -> bool:
            return len(self.of(trace_id)) >= count

        await until(are_there, lambda: f"{count} spans of {trace_id} in {self._names()}")
        return self.of(trace_id)

    def of(self, trace_id: str) -> list[Span]:
        """Return the spans of a trace so far, by their start."""
        ours = [span for span in self.spans if span.trace_id == trace_id]
        return sorted(ours, key=lambda span: span.started_ns)

    def _names(self) -> list[tuple[str, str, str]]:
        return [(span.trace_id, span.service, span.name) for span in self.spans]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Close the port."""
        self._server.shutdown()
        self._server.server_close()


def _plain(attributes: Any) -> dict[str, Any]:
    def value(pair: KeyValue) -> Any:
        kind = pair.value.WhichOneof("value")
        return getattr(pair.value, kind) if kind else None

    return {pair.key: value(pair) for pair in attributes}
