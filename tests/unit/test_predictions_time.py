"""How long a sync call may take when it first waits for word of a predictor."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import pytest

from common.errors import DeadlineExceeded, Unavailable
from common.messages import Reply
from gateway.intake import Call, Intake
from gateway.prediction_id import PredictionId, PredictionIds
from gateway.predictions import UNKNOWN_MODEL_S, Predictions
from gateway.replicas import ROLL_CALL_S, Replicas
from gateway.requestor import Order
from gateway.settings import GatewaySettings
from tests.support.loops import ManualLoop
from tests.unit.test_replicas import announcement


class Body:
    """A caller's body."""

    size_bytes = 12

    async def read(self) -> bytes:
        return b'{"input": 1}'


class Silent:
    """A broker behind which nobody answers; keeps how long it was waited for."""

    def __init__(self) -> None:
        self.timeouts_s: list[float] = []

    async def call(self, order: Order, timeout_s: float) -> Reply:
        self.timeouts_s.append(timeout_s)
        raise DeadlineExceeded("The prediction was not ready in time.")

    async def submit(self, order: Order, expires_s: float, timeout_s: float) -> None:
        raise NotImplementedError

    def restore_queues(self) -> None:
        raise NotImplementedError


class NoDeadlines:
    """What a call with the configured deadline does not use."""

    def __len__(self) -> int:
        return 0

    def kept(self, prediction_id: PredictionId, after_s: float) -> AbstractContextManager[None]:
        raise NotImplementedError


Ask = Callable[..., "asyncio.Task[bytes]"]


@pytest.fixture
def loop() -> Iterator[ManualLoop]:
    """The time."""
    manual = ManualLoop()
    yield manual
    manual.close()


@pytest.fixture
def replicas(loop: ManualLoop) -> Replicas:
    """A table of which the roll is being called."""
    table = Replicas(loop.time)
    table.begin_listening()
    return table


@pytest.fixture
def silent() -> Silent:
    """What is behind the broker."""
    return Silent()


@pytest.fixture
def ask(
    loop: ManualLoop, replicas: Replicas, silent: Silent, no_settings: pytest.MonkeyPatch
) -> Ask:
    """Ask for a prediction, as far as it goes at once."""
    settings = GatewaySettings()
    ids = PredictionIds(b"k" * 32, settings.life_s, loop.time)
    intake = Intake(settings, ids, replicas, silent, NoDeadlines())
    told: list[str] = []
    predictions = Predictions(intake, silent, told.append, settings.sync_timeout_s)

    def predict(model: str, wait_s: float | None = None) -> "asyncio.Task[bytes]":
        task = loop.create_task(predictions.predict(Call(model, Body(), wait_s=wait_s)))
        loop.settle()
        return task

    return predict


def test_the_wait_for_a_roll_call_is_part_of_the_calls_time(
    loop: ManualLoop, replicas: Replicas, silent: Silent, ask: Ask
) -> None:
    asked = ask("m")
    loop.now_s = ROLL_CALL_S / 2
    replicas.hear(announcement("a"))
    loop.settle()
    assert isinstance(asked.exception(), DeadlineExceeded)
    assert silent.timeouts_s == [GatewaySettings().sync_timeout_s - ROLL_CALL_S / 2]


def test_a_model_that_nobody_serves_is_refused_within_a_second_of_the_first_call(
    loop: ManualLoop, silent: Silent, ask: Ask
) -> None:
    asked = ask("m")
    loop.now_s = ROLL_CALL_S
    loop.settle()
    assert isinstance(asked.exception(), Unavailable)
    assert silent.timeouts_s == [UNKNOWN_MODEL_S]
    assert sum([ROLL_CALL_S, *silent.timeouts_s]) < 1


def test_a_caller_who_waits_for_less_than_a_moment_is_told_that_its_time_is_over(
    loop: ManualLoop, silent: Silent, ask: Ask
) -> None:
    asked = ask("m", ROLL_CALL_S + UNKNOWN_MODEL_S / 2)
    loop.now_s = ROLL_CALL_S
    loop.settle()
    assert isinstance(asked.exception(), DeadlineExceeded)
    assert silent.timeouts_s == [pytest.approx(UNKNOWN_MODEL_S / 2)]
