"""A tracer that keeps the spans of deliveries and requests."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from common.contract.messages import Message
from common.telemetry.tracing import Span


class NotedSpan:
    """A span that a test inspects; ``failed`` is the code of its error."""

    trace_id = ""

    def __init__(self, of: str = "") -> None:
        self.of = of
        self.facts: dict[str, Any] = {}
        self.failed = ""
        self.ends = 0

    def rename(self, name: str) -> None:
        self.of = name

    def note(self, facts: Mapping[str, Any]) -> None:
        self.facts |= facts

    def fail(self, code: str) -> None:
        self.failed = code

    def end(self) -> None:
        self.ends += 1


class NotingTracer:
    """A tracer of such spans."""

    def __init__(self) -> None:
        self.deliveries: list[NotedSpan] = []
        """Their names are the correlation ids of the deliveries."""
        self.requests: list[NotedSpan] = []

    @contextmanager
    def request(self, method: str, path: str, context: Mapping[str, str]) -> Iterator[Span]:
        span = NotedSpan(path)
        self.requests.append(span)
        yield span

    @contextmanager
    def publishing(self, message: Message, routing_key: str, exchange: str) -> Iterator[Message]:
        yield message

    def delivered(self, message: Message, queue: str, at_s: float) -> Span:
        span = NotedSpan(message.correlation_id)
        self.deliveries.append(span)
        return span

    @contextmanager
    def within(self, span: Span) -> Iterator[None]:
        yield

    @contextmanager
    def model_call(self, model: str, requests: Sequence[Span]) -> Iterator[Span]:
        yield NotedSpan(model)
