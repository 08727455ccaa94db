"""HTTP to predictions and back. No AMQP words."""

import asyncio
from collections.abc import Collection
from typing import Final

import msgspec
from quart import Blueprint, Request, Response, after_this_request, request
from quart.typing import ResponseTypes
from quart.wrappers.request import Body
from werkzeug.exceptions import RequestTimeout

from common.errors import MalformedRequest, UnsupportedMediaType
from common.tracing import valid_traceparent, valid_tracestate
from gateway.outcomes import Outcomes
from gateway.predictions import Call, Predictions
from gateway.preferences import Preferences, whole_seconds
from gateway.problems import json_response

COME_BACK_S: Final = "1"
"""``Retry-After`` for a prediction that is not finished, in seconds."""

BODY_TIMEOUT_S: Final = 30
"""How long a client may take to send a body."""

NO_PREFERENCES: Final = Preferences()

PENDING: Final = b'{"error": "Prediction is still being processed."}'


def prediction_routes(
    predictions: Predictions, outcomes: Outcomes, max_body_bytes: int
) -> Blueprint:
    """The routes that predict and look up; errors are raised as ``PredictionError``."""
    routes = Blueprint("predictions", __name__)

    @routes.post("/predict")
    @routes.post("/models/<model>/predict")
    async def predict(model: str | None = None) -> Response:
        preferred = _preferences(("respond-async", "wait"), outcomes.longest_wait_s)
        traceparent, tracestate = trace_headers(request)
        call = Call(
            model,
            JsonBody(max_body_bytes),
            traceparent,
            wait_s=preferred.wait_s,
            tracestate=tracestate,
        )
        is_async = request.headers.get("Async-Mode", "").lower() == "true"
        if not is_async and not preferred.respond_async:
            return json_response(await predictions.predict(call))
        prediction_id = await predictions.accept(call)
        if call.wait_s:
            result = await outcomes.wait(prediction_id, call.wait_s)
            if result is not None:
                return json_response(result)
        return _accepted(prediction_id)

    @routes.get("/predict/<prediction_id>")
    async def look_up(prediction_id: str) -> Response:
        wait_s = _preferences(("wait",), outcomes.longest_wait_s).wait_s or _wait_asked_for_s()
        spelt, result = await outcomes.look_up(prediction_id, wait_s)
        if result is None:
            response = json_response(PENDING, 202)
            response.headers["Retry-After"] = COME_BACK_S
            return response
        return json_response(b'{"output": %b, "prediction_id": "%b"}' % (result, spelt.encode()))

    return routes


def trace_headers(of: Request) -> tuple[str | None, str | None]:
    """The ``traceparent`` and ``tracestate`` of a request; without the one the other is ignored."""
    traceparent = valid_traceparent(of.headers.get("traceparent"))
    return traceparent, valid_tracestate(of.headers.getlist("tracestate")) if traceparent else None


def _preferences(meaningful: Collection[str], longest_wait_s: float) -> Preferences:
    """What the client would prefer of what is ``meaningful`` here; the answer will say so."""
    headers = request.headers.getlist("Prefer")
    if not headers:
        return NO_PREFERENCES
    preferred = Preferences.read(headers, meaningful).within(longest_wait_s)
    if applied := preferred.applied():

        @after_this_request
        async def say_so(response: ResponseTypes) -> ResponseTypes:
            response.headers["Preference-Applied"] = applied
            return response

    return preferred


def _wait_asked_for_s() -> int:
    """``?wait=N``: the same as ``Prefer: wait=N``, for those who can send no headers.

    Raises:
        MalformedRequest: it is no number of seconds.
    """
    text = request.args.get("wait", "0") if request.query_string else "0"
    wait_s = whole_seconds(text)
    if wait_s is None:
        raise MalformedRequest("The wait of a query is a whole number of seconds, like ?wait=10.")
    return wait_s


class TimedBody(Body):
    """A body to be read within ``BODY_TIMEOUT_S``; one that is all here costs no timer."""

    _is_complete = False

    def set_complete(self) -> None:
        """Nothing more will come."""
        super().set_complete()
        self._is_complete = True

    async def read(self) -> bytes:
        """The whole body.

        Raises:
            RequestTimeout: its sender is too slow.
            RequestEntityTooLarge: it is larger than ``MAX_CONTENT_LENGTH``.
        """
        if self._is_complete:
            return bytes(await self)
        try:
            async with asyncio.timeout(BODY_TIMEOUT_S):
                return bytes(await self)
        except TimeoutError as exc:
            raise RequestTimeout from exc


class TimedRequest(Request):
    """A request with a ``TimedBody``."""

    body_class = TimedBody


class JsonBody:
    """The body of the request under way, read when it is asked for."""

    def __init__(self, max_bytes: int) -> None:
        length = request.content_length
        self.size_bytes = max_bytes if length is None else min(length, max_bytes)

    async def read(self) -> bytes:
        """The whole body.

        Raises:
            UnsupportedMediaType: it is sent as something else than plain JSON.
        """
        unread = request.body
        assert isinstance(unread, TimedBody)
        body = await unread.read()
        encoding = request.headers.get("Content-Encoding", "identity")
        if body and (not request.is_json or encoding != "identity"):
            sent = request.headers.get("Content-Type", "no Content-Type")
            raise UnsupportedMediaType(
                f"Send the body as Content-Type: application/json without Content-Encoding, "
                f"not as {sent[:100]} ({encoding[:20]})."
            )
        return body


def _accepted(prediction_id: str) -> Response:
    body = b'{"message": "Request received. Processing asynchronously.", "prediction_id": %b}'
    response = json_response(body % msgspec.json.encode(prediction_id), 202)
    response.headers["Location"] = f"/predict/{prediction_id}"
    response.headers["Retry-After"] = COME_BACK_S
    return response
