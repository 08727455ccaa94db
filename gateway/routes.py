"""HTTP to predictions and back. No AMQP words."""

from collections.abc import Collection
from typing import Final

from quart import Blueprint, Response, after_this_request, request
from quart.typing import ResponseTypes

from common.error_answers import JSON
from common.errors import MalformedRequest
from common.telemetry import valid_traceparent
from gateway import bodies
from gateway.following import Following
from gateway.outcomes import Outcomes
from gateway.prediction_id import PredictionId, spell
from gateway.predictions import Call, Predictions
from gateway.preferences import Preferences, whole_seconds
from gateway.problems import COME_BACK_S, json_response, pending_answer
from gateway.request_bodies import JsonBody
from gateway.sse import EVENT_STREAM, frames, last_event_id
from gateway.timed_request import caller

NO_PREFERENCES: Final = Preferences()


def prediction_routes(
    predictions: Predictions, outcomes: Outcomes, following: Following, max_body_bytes: int
) -> Blueprint:
    """The routes that predict and look up; errors are raised as ``PredictionError``."""
    routes = Blueprint("predictions", __name__)

    @routes.post("/predict")
    @routes.post("/models/<model>/predict")
    async def predict(model: str | None = None) -> Response:
        preferred = _preferences(("respond-async", "wait"), outcomes.longest_wait_s)
        call = Call(
            model,
            JsonBody(max_body_bytes),
            valid_traceparent(request.headers.get("traceparent")),
            caller(),
            wait_s=preferred.wait_s,
        )
        is_async = request.headers.get("Async-Mode", "").lower() == "true"
        if not is_async and not preferred.respond_async:
            return json_response(await predictions.predict(call))
        prediction_id = await predictions.accept(call)
        if call.wait_s:
            result = await outcomes.wait(prediction_id, call.wait_s, owner=call.owner)
            if result is not None:
                return json_response(result)
        return _accepted(prediction_id)

    @routes.get("/predict/<prediction_id>")
    async def look_up(prediction_id: str) -> Response:
        owner = caller()
        if _wants_events():
            return _events(following, outcomes.recognised(prediction_id, owner))
        asked_s = _wait_asked_for_s()
        wait_s = _preferences(("wait",), outcomes.longest_wait_s).wait_s or asked_s
        found, result = await outcomes.look_up(prediction_id, wait_s, owner=owner)
        if result is None:
            return pending_answer(following.last_progress(found))
        return json_response(bodies.output(result, spell(found)))

    return routes


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


def _wants_events() -> bool:
    """Whether the client would rather be told of each event than get one answer."""
    accepted = request.headers.get("Accept", "")
    return (
        EVENT_STREAM in accepted
        and request.method == "GET"
        and request.accept_mimetypes.best_match([JSON, EVENT_STREAM]) == EVENT_STREAM
    )


def _events(following: Following, prediction_id: PredictionId) -> Response:
    """What happens to a prediction, as it happens; 204 for who has been told how it ended.

    A browser connects again whenever a stream ends, except after 204.
    """
    after = last_event_id(request.headers.get("Last-Event-ID"))
    if following.has_been_told(prediction_id, after):
        return Response(b"", 204)
    blocks = frames(following.follow(prediction_id, after), spell(prediction_id))
    response = Response(blocks, content_type=EVENT_STREAM)
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Accel-Buffering"] = "no"  # nginx would collect what is to arrive at once
    return response


def _accepted(prediction_id: str) -> Response:
    response = json_response(bodies.accepted(prediction_id), 202)
    response.headers["Location"] = f"/predict/{prediction_id}"
    response.headers["Retry-After"] = COME_BACK_S
    return response
