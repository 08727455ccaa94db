"""Models in threads: off the event loop, at most as many calls at once as there are threads."""

import asyncio
from collections.abc import Iterator
from typing import Any, Final

import pytest
import structlog

from common.errors import ModelFailed
from predictor_service.execution import invocation
from predictor_service.execution.threads import ThreadRunner
from predictor_service.models.specification import parse_models
from tests.support.models.blocking import may_go_on
from tests.support.models.invoking import inputs

MODELS: Final = parse_models(
    "double=tests.support.models.loadable:double,meet=tests.support.models.blocking:meet"
)
STUCK: Final = parse_models(
    "stuck=tests.support.models.blocking:stuck,stuck-batch=tests.support.models.blocking:StuckBatch"
)


@pytest.fixture
def threads() -> Iterator[ThreadRunner]:
    """A runner with two threads."""
    runner = ThreadRunner(MODELS, 2, 30)
    yield runner
    runner.abandon()


async def test_each_model_runs_by_its_name_and_each_input_has_an_outcome(
    threads: ThreadRunner,
) -> None:
    assert [card.name for card in threads.cards] == ["double", "meet"]
    assert await threads.run("double", inputs(b"1")) == [b"2"]
    assert await threads.run("double", inputs(b'"a"')) == [b'"aa"']
    assert not threads.broken.is_set()


async def test_as_many_model_calls_run_at_once_as_there_are_threads(threads: ThreadRunner) -> None:
    outcomes = await asyncio.gather(*(threads.run("meet", inputs(b"0")) for _ in range(2)))
    names = {outcome for (outcome,) in outcomes if isinstance(outcome, bytes)}
    assert len(names) == 2
    assert all(name.startswith(b'"model') for name in names)


@pytest.mark.parametrize(
    ("model", "outcomes"),
    [("stuck", [b"1", ModelFailed]), ("stuck-batch", [ModelFailed, ModelFailed, ModelFailed])],
)
async def test_an_overdue_call_in_a_thread_fails_its_inputs_and_breaks_the_runner(
    monkeypatch: pytest.MonkeyPatch, model: str, outcomes: list[Any]
) -> None:
    monkeypatch.setattr(invocation, "CHUNK_S", 60)
    may_go_on.clear()
    runner = ThreadRunner(STUCK, 1, 1)
    with structlog.testing.capture_logs() as logs:
        actual = await runner.run(model, inputs(b"1", b"0", b"2"))
    may_go_on.set()
    runner.abandon()
    assert [each if isinstance(each, bytes) else type(each) for each in actual] == outcomes
    assert "longer than the 1 s" in str(actual[1])
    assert runner.broken.is_set()
    assert [(line["log_level"], line["model"]) for line in logs] == [("critical", model)]
