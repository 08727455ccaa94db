"""From the headers and the body of a ``POST`` to what its caller asks for."""

from common.errors import MalformedHeader, UnsupportedMediaType
from gateway.api.durations import duration_s
from gateway.api.idempotency_key import read_idempotency_key
from gateway.predictions.intake import Call
from gateway.web.request import GatewayRequest, trace_headers
from gateway.web.timed_body import TimedBody


def read_call(
    of: GatewayRequest, model: str | None, wait_s: float | None, max_body_bytes: int
) -> Call:
    """The call that a request makes of ``model``, whose caller waits ``wait_s`` seconds.

    Raises:
        MalformedHeader: one says nothing that it could mean.
    """
    traceparent, tracestate = trace_headers(of)
    return Call(
        model,
        JsonBody(of, max_body_bytes),
        traceparent,
        tracestate,
        of.owner,
        wait_s=wait_s,
        deadline_s=_deadline_s(of),
        idempotency_key=read_idempotency_key(of.headers_of("idempotency-key")),
    )


def is_async(of: GatewayRequest) -> bool:
    """``Async-Mode: true``, in any case."""
    mode = of.header("async-mode")
    return mode is not None and mode.lower() == "true"


class JsonBody:
    """The body of a request, read when it is asked for."""

    def __init__(self, of: GatewayRequest, max_bytes: int) -> None:
        self._of = of
        length = of.header("content-length") or ""
        self.size_bytes = min(int(length), max_bytes) if length.isdecimal() else max_bytes

    async def read(self) -> bytes:
        """The whole body.

        Raises:
            UnsupportedMediaType: it is sent as something else than plain JSON.
        """
        unread = self._of.body
        assert isinstance(unread, TimedBody)
        body = await unread.read()
        encoding = self._of.header("content-encoding") or "identity"
        if body and (not self._of.is_json or encoding != "identity"):
            sent = self._of.header("content-type") or "no Content-Type"
            raise UnsupportedMediaType(
                f"Send the body as Content-Type: application/json without Content-Encoding, "
                f"not as {sent[:100]} ({encoding[:20]})."
            )
        return body


def _deadline_s(of: GatewayRequest) -> float | None:
    """``Cancel-After``: how long the prediction may take; None: as long as is configured."""
    text = of.header("cancel-after")
    if text is None:
        return None
    deadline_s = duration_s(text)
    if deadline_s is None:
        raise MalformedHeader("Cancel-After is a duration, like 30, 30s, 1.5m or 1h30m.")
    return deadline_s
