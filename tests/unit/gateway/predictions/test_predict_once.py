"""How long a call with an idempotency key waits, by a clock of the test's."""

import asyncio
from collections.abc import Iterator
from typing import Final

import pytest

from common.contract.messages import Message
from common.errors import DeadlineExceeded
from gateway.prediction_id import PredictionId, PredictionIds
from gateway.predictions.idempotency import IdempotentReceiver
from gateway.predictions.intake import Call, Intake
from gateway.predictions.predict_once import PredictOnce
from gateway.registry.registry import PredictorRegistry
from gateway.reply_stream.idempotency_claims import IdempotencyClaims
from gateway.settings import GatewaySettings
from tests.support.fakes.announcements import announcement
from tests.support.fakes.intake import Body, NoDeadlines, Silent
from tests.support.fakes.loops import ManualLoop

WAIT_S: Final = 1.0


class Slow:
    """A stream that confirms nothing, and outcomes that nobody gets to."""

    async def tell(self, event: Message, timeout_s: float) -> None:
        await asyncio.get_running_loop().create_future()

    async def result(self, prediction_id: PredictionId, timeout_s: float) -> bytes:
        raise NotImplementedError


@pytest.fixture
def loop() -> Iterator[ManualLoop]:
    """The time."""
    manual = ManualLoop()
    yield manual
    manual.close()


@pytest.mark.parametrize(
    ("wait_s", "deadline_s"), [(WAIT_S, None), (None, WAIT_S)], ids=["Prefer", "Cancel-After"]
)
def test_a_call_waits_as_long_as_it_says_also_for_its_acceptance(
    loop: ManualLoop,
    no_settings: pytest.MonkeyPatch,
    wait_s: float | None,
    deadline_s: float | None,
) -> None:
    settings = GatewaySettings()
    ids = PredictionIds(b"k" * 32, settings.life_s, loop.time)
    replicas = PredictorRegistry(loop.time)
    replicas.begin_listening()
    replicas.hear(announcement("a"))
    slow = Slow()
    claims = IdempotencyClaims(settings.life_s, settings.unaccepted_life_s, loop.time)
    predictions = PredictOnce(
        Intake(settings, ids, replicas, Silent(), NoDeadlines()),
        IdempotentReceiver(claims, slow, loop.time, lambda: True),
        slow,
        settings.sync_timeout_s,
    )
    call = Call("m", Body(), wait_s=wait_s, deadline_s=deadline_s, idempotency_key="key")
    asked = loop.create_task(predictions.predict(call))
    loop.settle()
    assert not asked.done()
    loop.now_s = WAIT_S
    loop.settle()
    assert isinstance(asked.exception(), DeadlineExceeded)
