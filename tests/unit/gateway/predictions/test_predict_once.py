"""The time limit of a call with an idempotency key, on a manual clock."""

import asyncio
from typing import Final

import pytest

from common.contract.messages import Message
from common.errors import DeadlineExceeded
from gateway.prediction_id import PredictionIds
from gateway.predictions.accept import Accept
from gateway.predictions.availability import Availability
from gateway.predictions.call import Call
from gateway.predictions.deadlines import Deadlines
from gateway.predictions.idempotency import IdempotentReceiver
from gateway.predictions.intake import Intake
from gateway.predictions.lookup import PredictionLookup
from gateway.predictions.predict_once import PredictOnce
from gateway.registry.registry import PredictorRegistry
from gateway.request_reply.final_states import FinalStates
from gateway.settings import GatewaySettings
from tests.support.fakes.announcements import announcement
from tests.support.fakes.intake import Body, SilentRequestor
from tests.support.fakes.loops import ManualLoop
from tests.support.fakes.reply_stream import ScriptedReplyStream
from tests.support.fakes.scripted import ScriptedLink, no_consumers

WAIT_S: Final = 1.0


class SlowRequestor(SilentRequestor):
    """A requestor whose events are never confirmed."""

    async def publish_event(self, event: Message, timeout_s: float) -> None:
        await asyncio.get_running_loop().create_future()


@pytest.mark.parametrize(
    ("wait_s", "deadline_s"), [(WAIT_S, None), (None, WAIT_S)], ids=["Prefer", "Cancel-After"]
)
def test_a_calls_own_time_limits_the_wait_for_its_acceptance(
    manual_loop: ManualLoop,
    no_settings: pytest.MonkeyPatch,
    wait_s: float | None,
    deadline_s: float | None,
) -> None:
    settings = GatewaySettings()
    ids = PredictionIds(b"k" * 32, settings.life_s, manual_loop.time)
    registry = PredictorRegistry(manual_loop.time, ScriptedLink(), no_consumers)
    registry.begin_listening()
    registry.record(announcement("a"))
    slow, stream = SlowRequestor(), ScriptedReplyStream(manual_loop.time)
    final_states = FinalStates(slow, manual_loop.time)
    intake = Intake(settings, ids, registry)
    availability = Availability(registry, slow, settings.default_model)
    predictions = PredictOnce(
        intake,
        availability,
        IdempotentReceiver(stream, slow, manual_loop.time),
        Accept(settings, intake, availability, slow, Deadlines(stream, final_states)),
        PredictionLookup(ids, stream, final_states, settings.sync_timeout_s),
    )
    call = Call("m", Body(), wait_s=wait_s, deadline_s=deadline_s, idempotency_key="key")
    task = manual_loop.create_task(predictions.predict(call))
    manual_loop.settle()
    assert not task.done()
    manual_loop.now_s = WAIT_S
    manual_loop.settle()
    assert isinstance(task.exception(), DeadlineExceeded)
