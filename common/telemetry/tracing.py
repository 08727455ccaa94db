"""Distributed traces: the context that travels with a message, and the port to a tracer.

A client's W3C Trace Context is passed on as it came. With ``OTEL_EXPORTER_OTLP_ENDPOINT`` set there
is a tracer as well (``otlp.py``, the extra ``otel``), and what travels is the context of our own
spans. Without it nothing of OpenTelemetry is imported: where a tracer would be is None.
"""

import asyncio
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Final, Protocol

from common.contract.messages import Message
from common.errors import Misconfigured

_TRACEPARENT: Final = re.compile(
    r"(?:00(?=.{53}\Z)|(?!00|ff)[0-9a-f]{2})-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}"
    r"(?:-[!-~]{0,100})?"
)
"""Version 00, or what it has in common with all to come."""

_MEMBER: Final = re.compile(
    r"(?P<key>[a-z0-9][a-z0-9_*/-]{0,255}|[a-z0-9][a-z0-9_*/-]{0,240}@[a-z][a-z0-9_*/-]{0,13})"
    r"=[ -+\--<>-~]{0,255}[!-+\--<>-~]"
)
MAX_MEMBERS: Final = 32
MAX_STATE_CHARS: Final = 512
"""What has to be passed on at least."""


def valid_traceparent(header: str | None) -> str | None:
    """``header`` if it is a W3C Trace Context ``traceparent``, else None (the spec: ignore it)."""
    return header if header and _TRACEPARENT.fullmatch(header) else None


def valid_tracestate(headers: Sequence[str]) -> str | None:
    """The ``tracestate`` of a request: its headers of that name as one (RFC 9110, section 5.3).

    None if there is none, or one that is malformed or longer than has to be passed on.
    """
    state = ",".join(headers)
    if len(state) > MAX_STATE_CHARS:
        return None
    members = [_MEMBER.fullmatch(text) for each in state.split(",") if (text := each.strip(" \t"))]
    keys = {member["key"] for member in members if member}
    return state if 0 < len(keys) == len(members) <= MAX_MEMBERS else None


def trace_context(headers: Mapping[str, Any]) -> dict[str, str]:
    """What a message's headers say of the trace it is part of, as W3C headers."""
    traceparent, tracestate = headers.get("traceparent"), headers.get("tracestate")
    if not isinstance(traceparent, str) or not valid_traceparent(traceparent):
        return {}
    state = {"tracestate": tracestate} if isinstance(tracestate, str) else {}
    return {"traceparent": traceparent} | state


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


@contextmanager
def open_tracer(service: str, *, is_wanted: bool) -> Iterator[Tracer | None]:
    """A tracer that exports to where OpenTelemetry's own variables say; None if none is wanted.

    What has not been exported by the end is, within ``otlp.FLUSH_S`` seconds or not at all.

    Raises:
        Misconfigured: the extra is not installed.
    """
    if not is_wanted:
        yield None
        return
    try:
        from common.telemetry.otlp import OtlpTracer  # noqa: PLC0415 - only where it is asked for
    except ModuleNotFoundError as exc:
        raise Misconfigured(
            f"OTEL_EXPORTER_OTLP_ENDPOINT needs the package {exc.name}, which is not installed: "
            f"pip install 'predictmq[otel]', or make up EXTRAS=otel."
        ) from exc
    tracer = OtlpTracer(service)
    try:
        yield tracer
    finally:
        tracer.close()


class Link(Protocol):
    """What publishes, as far as requests and replies are concerned."""

    @property
    def is_up(self) -> bool: ...
    @property
    def is_blocked(self) -> bool: ...
    async def ready(self, timeout_s: float) -> None: ...
    async def publish(
        self, message: Message, routing_key: str, *, timeout_s: float, exchange: str = ""
    ) -> None: ...
    def post(self, message: Message, routing_key: str) -> asyncio.Future[object]:
        """What is wrong at once is raised, or in the future as what is wrong later."""

    def renew(self, reason: str) -> None: ...


class TracedLink:
    """A link whose every publish is a span; its message carries the span's context."""

    def __init__(self, link: Link, tracer: Tracer) -> None:
        self._link = link
        self._tracer = tracer

    @property
    def is_up(self) -> bool:
        """As the link's own."""
        return self._link.is_up

    @property
    def is_blocked(self) -> bool:
        """As the link's own."""
        return self._link.is_blocked

    async def ready(self, timeout_s: float) -> None:
        """As the link's own."""
        await self._link.ready(timeout_s)

    async def publish(
        self, message: Message, routing_key: str, *, timeout_s: float, exchange: str = ""
    ) -> None:
        """Publish, in a span that lasts until the broker has confirmed."""
        with self._tracer.publishing(message, routing_key, exchange) as traced:
            await self._link.publish(traced, routing_key, timeout_s=timeout_s, exchange=exchange)

    def post(self, message: Message, routing_key: str) -> asyncio.Future[object]:
        """Publish, in a span that lasts until the broker has confirmed."""
        return asyncio.ensure_future(self._post(message, routing_key))

    async def _post(self, message: Message, routing_key: str) -> object:
        with self._tracer.publishing(message, routing_key, "") as traced:
            return await asyncio.shield(self._link.post(traced, routing_key))

    def renew(self, reason: str) -> None:
        """As the link's own."""
        self._link.renew(reason)


def traced(link: Link, tracer: Tracer | None) -> Link:
    """``link``, with a span for each publish if there is a tracer."""
    return TracedLink(link, tracer) if tracer else link
