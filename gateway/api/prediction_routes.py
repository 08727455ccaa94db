"""HTTP to predictions and back. No AMQP words."""

from collections.abc import Collection
from typing import Final

from quart import Blueprint, Response, after_this_request
from quart.typing import ResponseTypes

from common.errors import AlreadyFinal, MalformedRequest, PredictionError
from common.http.error_response import CORRELATION_HEADER, JSON
from gateway.api import responses as bodies
from gateway.api.call import is_async, read_call
from gateway.api.headers import Preferences, whole_seconds
from gateway.api.sse import EVENT_STREAM, frames, last_event_id
from gateway.call_context import add_log_fields
from gateway.countdown import countdown
from gateway.prediction_id import PredictionId, spell
from gateway.predictions.follow import Follow
from gateway.predictions.lookup import PredictionLookup
from gateway.predictions.predict import Predict
from gateway.predictions.predict_once import PredictOnce
from gateway.web.errors import (
    COME_BACK_S,
    STATUS,
    json_response,
    pending_answer,
    prediction_problem,
)
from gateway.web.request import GatewayRequest, this_request

NO_PREFERENCES: Final = Preferences()


def prediction_routes(
    predictions: Predict,
    repeatable: PredictOnce,
    outcomes: PredictionLookup,
    following: Follow,
    max_body_bytes: int,
) -> Blueprint:
    """The routes that predict, look up and cancel; errors are raised as ``PredictionError``."""
    routes = Blueprint("predictions", __name__)

    @routes.post("/predict")
    @routes.post("/models/<model>/predict")
    async def predict(model: str | None = None) -> Response:
        of = this_request()
        preferred = _preferences(of, ("respond-async", "wait"), outcomes.longest_wait_s)
        call = read_call(of, model, preferred.wait_s, max_body_bytes)
        asked = predictions if call.idempotency_key is None else repeatable
        if not preferred.respond_async and not is_async(of):
            return json_response(await asked.predict(call))
        left_s = countdown(call.wait_s or 0)
        prediction_id = await asked.accept(call)
        result = await outcomes.wait(prediction_id, left_s()) if call.wait_s else None
        return json_response(result) if result is not None else _accepted(prediction_id)

    @routes.get("/predict/<prediction_id>")
    async def look_up(prediction_id: str) -> Response:
        of = this_request()
        if _wants_events(of):
            known = outcomes.recognised(prediction_id, of.owner)
            answer = _events(following, known, of.header("last-event-id"))
        else:
            answer = await _found(outcomes, following, prediction_id, of)
        answer.vary.add("Accept")
        return answer

    @routes.delete("/predict/<prediction_id>")
    async def cancel(prediction_id: str) -> Response:
        await outcomes.cancel(prediction_id, owner=this_request().owner)
        return _nothing()

    routes.register_error_handler(AlreadyFinal, _over)
    return routes


async def _found(
    outcomes: PredictionLookup, following: Follow, text: str, of: GatewayRequest
) -> Response:
    """How a prediction ended, after a wait if one is asked for; or how far it has come."""
    asked_s = _wait_asked_for_s(of)
    preferred_s = _preferences(of, ("wait",), outcomes.longest_wait_s).wait_s
    wait_s = asked_s if preferred_s is None else preferred_s
    prediction_id, result = await outcomes.look_up(text, wait_s, owner=of.owner)
    if result is None:
        return pending_answer(following.last_progress(prediction_id))
    return json_response(bodies.output(result, spell(prediction_id)))


def _preferences(
    of: GatewayRequest, meaningful: Collection[str], longest_wait_s: float
) -> Preferences:
    """What the client would prefer of what is ``meaningful`` here; the answer will say so."""
    headers = of.headers_of("prefer")
    if not headers:
        return NO_PREFERENCES
    preferred = Preferences.read(headers, meaningful).within(longest_wait_s)
    if applied := preferred.applied():

        @after_this_request
        async def say_so(response: ResponseTypes) -> ResponseTypes:
            response.headers["Preference-Applied"] = applied
            return response

    return preferred


def _wait_asked_for_s(of: GatewayRequest) -> int:
    """``?wait=N``: the same as ``Prefer: wait=N``, for those who can send no headers.

    Raises:
        MalformedRequest: it is no number of seconds.
    """
    text = of.args.get("wait", "0") if of.query_string else "0"
    wait_s = whole_seconds(text)
    if wait_s is None:
        raise MalformedRequest("The wait of a query is a whole number of seconds, like ?wait=10.")
    return wait_s


def _wants_events(of: GatewayRequest) -> bool:
    """Whether the client would rather be told of each event than get one answer."""
    accepted = of.header("accept") or ""
    return (
        EVENT_STREAM in accepted.lower()
        and of.method == "GET"
        and of.accept_mimetypes.best_match([JSON, EVENT_STREAM]) == EVENT_STREAM
    )


def _events(following: Follow, prediction_id: PredictionId, last_id: str | None) -> Response:
    """What happens to a prediction, as it happens; 204 for who has been told how it ended.

    A browser connects again whenever a stream ends, except after 204.
    """
    after = last_event_id(last_id)
    if following.has_been_told(prediction_id, after):
        return _nothing()
    add_log_fields(state="followed")
    blocks = frames(following.follow(prediction_id, after), spell(prediction_id))
    response = Response(blocks, content_type=EVENT_STREAM)
    response.timeout = None  # it lasts as long as the prediction and its reader do
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Accel-Buffering"] = "no"  # nginx would collect what is to arrive at once
    return response


def _nothing() -> Response:
    response = Response(b"", 204)
    del response.headers["Content-Type"]
    return response


async def _over(over: AlreadyFinal) -> Response:
    """The final state, as a GET has it but for the status."""
    if isinstance(over.outcome, PredictionError):
        return prediction_problem(over.outcome, STATUS[over.code])
    add_log_fields(state="succeeded", code=over.code)
    response = json_response(bodies.output(over.outcome, over.prediction_id), STATUS[over.code])
    response.headers[CORRELATION_HEADER] = over.prediction_id
    return response


def _accepted(prediction_id: PredictionId) -> Response:
    add_log_fields(state="accepted")
    spelt = spell(prediction_id)
    response = json_response(bodies.accepted(spelt), 202)
    response.headers["Location"] = f"/predict/{spelt}"
    response.headers["Retry-After"] = COME_BACK_S
    return response
