"""The call that a ``POST`` makes: its headers are read at once, its body when it is needed."""

from common.errors import MalformedHeader, UnsupportedMediaType
from gateway.api.headers import duration_s, read_idempotency_key
from gateway.predictions.call import Call
from gateway.web.body import Charge
from gateway.web.request import GatewayRequest, trace_headers


def read_call(
    request: GatewayRequest, model: str | None, wait_s: float | None, max_body_bytes: int
) -> Call:
    """Read a request into a call of ``model``, whose caller waits ``wait_s`` seconds.

    Raises:
        MalformedHeader: a header cannot be read.
    """
    return Call(
        model,
        JsonBody(request, max_body_bytes),
        trace_headers(request),
        request.owner,
        wait_s=wait_s,
        deadline_s=_deadline_s(request),
        idempotency_key=read_idempotency_key(request.headers_of("idempotency-key")),
    )


def is_async(request: GatewayRequest) -> bool:
    """Return whether the request has ``Async-Mode: true``, in any case."""
    mode = request.header("async-mode")
    return mode is not None and mode.lower() == "true"


class JsonBody:
    """The body of a request, read when it is needed."""

    def __init__(self, request: GatewayRequest, max_bytes: int) -> None:
        self._request = request
        length = request.header("content-length") or ""
        self._content_length = int(length) if length.isdecimal() else None
        self.announced_bytes = min(self._content_length or 0, max_bytes)

    async def read(self, charge: Charge) -> bytes:
        """Read the whole body; ``charge`` is called with the size of each part of it.

        Raises:
            UnsupportedMediaType: its type is not JSON, or it is compressed.
            BodyTooLarge: it is larger than this gateway takes.
            PredictionError: ``charge`` has refused a part.
        """
        encoding = ", ".join(self._request.headers_of("content-encoding")) or "identity"
        codings = {coding.strip().lower() for coding in encoding.split(",")}
        if self._has_body and not (self._request.is_json and codings == {"identity"}):
            sent = self._request.header("content-type") or "no Content-Type"
            raise UnsupportedMediaType(
                f"Send the body as Content-Type: application/json without Content-Encoding, "
                f"not as {sent[:100]} ({encoding[:20]})."
            )
        return await self._request.body.read(self._content_length, charge)

    @property
    def _has_body(self) -> bool:
        if self._content_length is None:
            return self._request.header("transfer-encoding") is not None
        return self._content_length > 0


def _deadline_s(request: GatewayRequest) -> float | None:
    """Read ``Cancel-After``, in seconds; None: the prediction may take as long as configured."""
    text = request.header("cancel-after")
    if text is None:
        return None
    deadline_s = duration_s(text)
    if deadline_s is None:
        raise MalformedHeader("Cancel-After is a duration, like 30, 30s, 1.5m or 1h30m.")
    return deadline_s
