"""The routes of predictions: predict, look up, follow, cancel. No AMQP words."""

from collections.abc import Collection
from typing import Final

from quart import Blueprint, Response

from common.errors import AlreadyFinal, MalformedRequest, PredictionError
from common.http.error_response import CORRELATION_HEADER, prefers
from gateway.api.call import is_async, read_call
from gateway.api.headers import Preferences, whole_seconds
from gateway.api.responses import (
    accepted_response,
    empty_response,
    output_body,
    pending_response,
)
from gateway.api.sse import EVENT_STREAM, event_stream, last_event_id
from gateway.call_context import add_log_fields
from gateway.countdown import countdown
from gateway.prediction_id import spell
from gateway.predictions.predictions import Predictions
from gateway.web.errors import STATUS, prediction_problem
from gateway.web.request import GatewayRequest, this_request
from gateway.web.response import BytesResponse, GatewayResponse, json_response

NO_PREFERENCES: Final = Preferences()


def prediction_routes(predictions: Predictions, max_body_bytes: int) -> Blueprint:
    """Build the blueprint; errors are raised as ``PredictionError``."""
    routes = Blueprint("predictions", __name__)

    @routes.post("/predict")
    @routes.post("/models/<model>/predict")
    async def predict(model: str | None = None) -> BytesResponse:
        request = this_request()
        preferred = _preferences(request, ("respond-async", "wait"), predictions.longest_wait_s)
        call = read_call(request, model, preferred.wait_s, max_body_bytes)
        if not preferred.respond_async and not is_async(request):
            return json_response(await predictions.predict(call))
        left_s = countdown(call.wait_s or 0)
        prediction_id = await predictions.accept(call)
        result = await predictions.wait(prediction_id, left_s()) if call.wait_s else None
        return json_response(result) if result is not None else accepted_response(prediction_id)

    @routes.get("/predict/<prediction_id>")
    async def look_up(prediction_id: str) -> GatewayResponse:
        request = this_request()
        respond = _follow if _prefers_events(request) else _look_up
        response = await respond(predictions, prediction_id, request)
        response.headers["Vary"] = "Accept"
        return response

    @routes.delete("/predict/<prediction_id>")
    async def cancel(prediction_id: str) -> BytesResponse:
        try:
            await predictions.cancel(prediction_id, owner=this_request().owner)
        except AlreadyFinal as exc:
            return _already_final(exc)
        return empty_response()

    return routes


async def _look_up(predictions: Predictions, text: str, request: GatewayRequest) -> BytesResponse:
    """Respond with the final state, after a wait if one is requested; or with the progress."""
    query_s = _query_wait_s(request)
    preferred_s = _preferences(request, ("wait",), predictions.longest_wait_s).wait_s
    wait_s = query_s if preferred_s is None else preferred_s
    found = await predictions.look_up(text, wait_s, owner=request.owner)
    if found.result is None:
        return pending_response(found.progress)
    return json_response(output_body(found.result, spell(found.prediction_id)))


async def _follow(predictions: Predictions, text: str, request: GatewayRequest) -> GatewayResponse:
    """Respond with the events as they come; with 204 to a client that has the final one.

    A browser reconnects whenever a stream ends, but not after a 204.
    """
    prediction_id = predictions.recognise(text, request.owner)
    items = predictions.follow(prediction_id, last_event_id(request.header("last-event-id")))
    if items is None:
        return empty_response()
    add_log_fields(state="followed")
    response = Response(event_stream(items, spell(prediction_id)), content_type=EVENT_STREAM)
    response.timeout = None  # the events may take any time
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Accel-Buffering"] = "no"  # nginx would hold events back
    return response


def _preferences(
    request: GatewayRequest, meaningful: Collection[str], longest_wait_s: float
) -> Preferences:
    """Read the ``meaningful`` preferences; have the response name those that are applied."""
    headers = request.headers_of("prefer")
    if not headers:
        return NO_PREFERENCES
    preferred = Preferences.read(headers, meaningful).within(longest_wait_s)
    if applied := preferred.applied():
        request.response_headers["Preference-Applied"] = applied
    return preferred


def _query_wait_s(request: GatewayRequest) -> int:
    """Read ``?wait=N``: the same as ``Prefer: wait=N``, for clients that can send no headers.

    Raises:
        MalformedRequest: the value is not a whole number of seconds.
    """
    text = request.quart.args.get("wait", "0") if request.query_string else "0"
    wait_s = whole_seconds(text)
    if wait_s is None:
        raise MalformedRequest("The wait of a query is a whole number of seconds, like ?wait=10.")
    return wait_s


def _prefers_events(request: GatewayRequest) -> bool:
    """Return whether the client prefers server-sent events to JSON."""
    accepted = request.header("accept") or ""
    return (
        EVENT_STREAM in accepted.lower()
        and request.method == "GET"
        and prefers(EVENT_STREAM, accepted)
    )


def _already_final(error: AlreadyFinal) -> BytesResponse:
    """Respond with the body of a GET, under the status of the error."""
    status = STATUS[error.code]
    if isinstance(error.outcome, PredictionError):
        return prediction_problem(error.outcome, status)
    add_log_fields(state="succeeded", code=error.code)
    response = json_response(output_body(error.outcome, error.prediction_id), status)
    response.headers[CORRELATION_HEADER] = error.prediction_id
    return response
