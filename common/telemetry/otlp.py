"""The implementation of ``Tracer`` with OpenTelemetry: OTLP over HTTP, with protobuf.

Imported only if traces are wanted. The SDK reads OpenTelemetry's own environment variables for the
endpoint and the sampling. Names of spans and attributes are those of its semantic conventions for
HTTP and for messaging with RabbitMQ, and ``predictmq.*`` where those have none.
"""

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Final

import msgspec
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import (
    Link,
    SpanKind,
    StatusCode,
    format_trace_id,
    get_current_span,
    set_span_in_context,
    use_span,
)
from opentelemetry.trace import Span as RawSpan
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from common.contract.messages import Message
from common.telemetry.semantic_conventions import http_method, messaging, messaging_name
from common.telemetry.trace_context import trace_context
from common.telemetry.tracing import Span

FLUSH_S: Final = 3.0
"""The time for which the end of a service waits for the collector."""

_W3C: Final = TraceContextTextMapPropagator()


class OtlpSpan:
    """A span of the OpenTelemetry SDK."""

    def __init__(self, raw: RawSpan) -> None:
        self.raw = raw

    @property
    def trace_id(self) -> str:
        """The id of the span's trace, as 32 hexadecimal digits."""
        return format_trace_id(self.raw.get_span_context().trace_id)

    def rename(self, name: str) -> None:
        """Change the name of the span."""
        self.raw.update_name(name)

    def note(self, facts: Mapping[str, Any]) -> None:
        """Add attributes."""
        self.raw.set_attributes(facts)

    def fail(self, code: str) -> None:
        """Mark the span as failed, with the code of the error."""
        self.raw.set_attribute("error.type", code)
        self.raw.set_status(StatusCode.ERROR)

    def end(self) -> None:
        """End the span."""
        self.raw.end()


class OtlpTracer:
    """A tracer that exports in its own thread; spans that a slow collector cannot take are lost."""

    def __init__(self, service: str) -> None:
        ours = Resource.create(
            {"service.name": f"predictmq-{service}", "service.namespace": "predictmq"}
        )
        named_by_operator = OTELResourceDetector().detect()
        self._provider = TracerProvider(
            resource=ours.merge(named_by_operator), shutdown_on_exit=False
        )
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        self._tracer = self._provider.get_tracer("predictmq")

    @contextmanager
    def request(self, method: str, path: str, context: Mapping[str, str]) -> Iterator[Span]:
        """See ``Tracer``."""
        method = http_method(method)
        raw = self._tracer.start_span(
            method,
            _W3C.extract(context, context=Context()),
            SpanKind.SERVER,
            {"http.request.method": method, "url.path": path, "url.scheme": "http"},
        )
        with _current(raw, ends=True):
            yield OtlpSpan(raw)

    @contextmanager
    def publishing(self, message: Message, routing_key: str, exchange: str) -> Iterator[Message]:
        """See ``Tracer``. Without a current span the message stays as it is."""
        if not get_current_span().get_span_context().is_valid:
            yield message
            return
        destination = f"{exchange}:{routing_key}" if exchange else routing_key
        raw = self._tracer.start_span(
            messaging_name("publish", destination),
            kind=SpanKind.PRODUCER,
            attributes={
                **messaging("publish", "send", destination, message),
                "messaging.rabbitmq.destination.routing_key": routing_key,
            },
        )
        with _current(raw, ends=True):
            ours: dict[str, str] = {}
            _W3C.inject(ours)
            try:
                yield msgspec.structs.replace(message, headers=message.headers | ours)
            except Exception as exc:
                OtlpSpan(raw).fail(type(exc).__name__)
                raise

    def delivered(self, message: Message, queue: str, at_s: float) -> Span:
        """See ``Tracer``. A child of the publisher's span, and linked to it."""
        context = _W3C.extract(trace_context(message.headers), context=Context())
        publisher = get_current_span(context).get_span_context()
        raw = self._tracer.start_span(
            messaging_name("process", queue),
            context,
            SpanKind.CONSUMER,
            messaging("process", "process", queue, message),
            [Link(publisher)] if publisher.is_valid else None,
            start_time=int(at_s * 1e9),
        )
        return OtlpSpan(raw)

    def within(self, span: Span) -> AbstractContextManager[None]:
        """See ``Tracer``."""
        return _current(_raw(span), ends=False)

    @contextmanager
    def model_call(self, model: str, requests: Sequence[Span]) -> Iterator[Span]:
        """See ``Tracer``. A child of a single request; linked to and from each of several."""
        recorded = [raw for raw in map(_raw, requests) if raw.is_recording()]
        if not recorded:
            yield OtlpSpan(get_current_span(Context()))  # which records nothing
            return
        alone = len(recorded) == 1
        raw = self._tracer.start_span(
            f"predict {model}",
            set_span_in_context(recorded[0], Context()) if alone else Context(),
            attributes={"predictmq.model": model, "predictmq.batch_size": len(requests)},
            links=[] if alone else [Link(each.get_span_context()) for each in recorded],
        )
        if not alone:
            for each in recorded:
                each.add_link(raw.get_span_context())
        with _current(raw, ends=True):
            yield OtlpSpan(raw)

    def close(self) -> None:
        """Export the remaining spans, within ``FLUSH_S`` seconds: the collector may be away."""
        flushing = threading.Thread(target=self._provider.shutdown, daemon=True)
        flushing.start()
        flushing.join(FLUSH_S)


def _raw(span: Span) -> RawSpan:
    assert isinstance(span, OtlpSpan)  # there is one tracer in a process
    return span.raw


@contextmanager
def _current(raw: RawSpan, *, ends: bool) -> Iterator[None]:
    with use_span(raw, end_on_exit=ends, record_exception=False, set_status_on_exception=False):
        yield
