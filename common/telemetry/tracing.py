"""The port to a tracer. No I/O.

A client's W3C Trace Context (``trace_context.py``) is passed on as it came. With
``OTEL_EXPORTER_OTLP_ENDPOINT`` set there
is a tracer as well (``otlp.py``, the extra ``otel``), and what travels is the context of our own
spans. Without it nothing of OpenTelemetry is imported: where a tracer would be is None.
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from common.contract.messages import Message


class Span(Protocol):
    """Something that takes time and is told when it has ended."""

    @property
    def trace_id(self) -> str: ...
    def rename(self, name: str) -> None: ...
    def note(self, facts: Mapping[str, Any]) -> None: ...
    def fail(self, code: str) -> None: ...
    def end(self) -> None: ...


class Tracer(Protocol):
    """Makes spans. Whatever happens to them, no call is disturbed."""

    def request(
        self, method: str, path: str, context: Mapping[str, str]
    ) -> AbstractContextManager[Span]:
        """An HTTP request, for as long as it is answered; what is published then is part of it."""

    def publishing(
        self, message: Message, routing_key: str, exchange: str
    ) -> AbstractContextManager[Message]:
        """A publish, as part of what is under way; yields the message with its context."""

    def delivered(self, message: Message, queue: str, at_s: float) -> Span:
        """What came of ``message``, which was delivered at ``at_s`` (Unix time)."""

    def within(self, span: Span) -> AbstractContextManager[None]:
        """What is published from here on is part of ``span``."""

    def model_call(self, model: str, requests: Sequence[Span]) -> AbstractContextManager[Span]:
        """One call of a model that answers ``requests``."""
