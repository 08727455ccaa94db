"""The time limit of a sync call that first waits for the announcement of a predictor."""

import asyncio
from collections.abc import Callable

import pytest

from common.errors import DeadlineExceeded, Unavailable
from gateway.prediction_id import PredictionIds
from gateway.predictions.availability import UNKNOWN_MODEL_S, Availability
from gateway.predictions.call import Call
from gateway.predictions.intake import Intake
from gateway.predictions.predict import Predict
from gateway.registry.registry import PredictorRegistry
from gateway.registry.replicas import ROLL_CALL_S
from gateway.settings import GatewaySettings
from tests.support.fakes.announcements import announcement
from tests.support.fakes.intake import Body, SilentRequestor
from tests.support.fakes.loops import ManualLoop
from tests.support.fakes.scripted import ScriptedLink, no_consumers

Ask = Callable[..., "asyncio.Task[bytes]"]


@pytest.fixture
def registry(manual_loop: ManualLoop) -> PredictorRegistry:
    """A registry that has just published a roll call."""
    empty = PredictorRegistry(manual_loop.time, ScriptedLink(), no_consumers)
    empty.begin_listening()
    return empty


@pytest.fixture
def silent() -> SilentRequestor:
    return SilentRequestor()


@pytest.fixture
def ask(
    manual_loop: ManualLoop,
    registry: PredictorRegistry,
    silent: SilentRequestor,
    no_settings: pytest.MonkeyPatch,
) -> Ask:
    """A function that starts a prediction and lets it go as far as it can."""
    settings = GatewaySettings()
    ids = PredictionIds(b"k" * 32, settings.life_s, manual_loop.time)
    predictions = Predict(
        Intake(settings, ids, registry),
        Availability(registry, silent, settings.default_model),
        silent,
        lambda _: None,
        settings.sync_timeout_s,
    )

    def predict(model: str, wait_s: float | None = None) -> "asyncio.Task[bytes]":
        task = manual_loop.create_task(predictions.predict(Call(model, Body(), wait_s=wait_s)))
        manual_loop.settle()
        return task

    return predict


def test_the_wait_for_a_roll_call_is_part_of_the_calls_time(
    manual_loop: ManualLoop, registry: PredictorRegistry, silent: SilentRequestor, ask: Ask
) -> None:
    task = ask("m")
    manual_loop.now_s = ROLL_CALL_S / 2
    registry.record(announcement("a"))
    manual_loop.settle()
    assert isinstance(task.exception(), DeadlineExceeded)
    assert silent.timeouts_s == [GatewaySettings().sync_timeout_s - ROLL_CALL_S / 2]


def test_a_call_of_an_unserved_model_is_refused_within_a_second(
    manual_loop: ManualLoop, silent: SilentRequestor, ask: Ask
) -> None:
    task = ask("m")
    manual_loop.now_s = ROLL_CALL_S
    manual_loop.settle()
    assert isinstance(task.exception(), Unavailable)
    assert silent.timeouts_s == [UNKNOWN_MODEL_S]
    assert sum([ROLL_CALL_S, *silent.timeouts_s]) < 1


def test_a_caller_with_a_very_short_wait_gets_a_deadline_error(
    manual_loop: ManualLoop, silent: SilentRequestor, ask: Ask
) -> None:
    task = ask("m", ROLL_CALL_S + UNKNOWN_MODEL_S / 2)
    manual_loop.now_s = ROLL_CALL_S
    manual_loop.settle()
    assert isinstance(task.exception(), DeadlineExceeded)
    assert silent.timeouts_s == [pytest.approx(UNKNOWN_MODEL_S / 2)]
