"""The port to a tracer. No I/O.

A client's W3C Trace Context (``trace_context.py``) is passed on as it came. With
``OTEL_EXPORTER_OTLP_ENDPOINT`` set there is a tracer as well (``otlp.py``, the extra ``otel``), and
the context that is passed on is the one of our own spans. Otherwise the tracer is None, and nothing
of OpenTelemetry is imported.
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from common.contract.messages import Message


class Span(Protocol):
    """An operation with a beginning and an end."""

    @property
    def trace_id(self) -> str:
        """The id of the span's trace, as 32 hexadecimal digits."""

    def rename(self, name: str) -> None:
        """Change the name of the span."""

    def note(self, facts: Mapping[str, Any]) -> None:
        """Add attributes."""

    def fail(self, code: str) -> None:
        """Mark the span as failed, with the code of the error."""

    def end(self) -> None:
        """End the span."""


class Tracer(Protocol):
    """The source of spans. A failure to export them disturbs no call."""

    def request(
        self, method: str, path: str, context: Mapping[str, str]
    ) -> AbstractContextManager[Span]:
        """Open the span of an HTTP request; it is the parent of publishes meanwhile."""

    def publishing(
        self, message: Message, routing_key: str, exchange: str
    ) -> AbstractContextManager[Message]:
        """Open the span of a publish; yields the message with the context of that span."""

    def delivered(self, message: Message, queue: str, at_s: float) -> Span:
        """Start the span of a message that was delivered at ``at_s`` (Unix time)."""

    def within(self, span: Span) -> AbstractContextManager[None]:
        """Make ``span`` the parent of publishes meanwhile."""

    def model_call(self, model: str, requests: Sequence[Span]) -> AbstractContextManager[Span]:
        """Open the span of one call of a model that answers ``requests``."""
