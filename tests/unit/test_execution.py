"""Where models run: off the event loop, as many at once as was asked for."""

import asyncio
import multiprocessing
import os
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any, Final

import pytest
import structlog

from common.errors import InvalidInput, Misconfigured, ModelFailed, PredictorCrashed
from predictor_service.execution import ProcessExecution, ThreadExecution
from predictor_service.invocation import Question
from predictor_service.models.specification import parse_models

MODELS: Final = parse_models(
    "double=tests.support.loadable:double,meet=tests.unit.test_execution:meet,"
    "stuck=tests.unit.test_execution:stuck"
)
both: Final = threading.Barrier(2, timeout=10)
go_on: Final = threading.Event()


def meet(_: Any) -> str:
    """A model that returns once two calls of it run, each in a thread of its own."""
    both.wait()
    return threading.current_thread().name


def stuck(_: Any) -> None:
    """A model that takes as long as the test does."""
    go_on.wait(timeout=60)


class Deadly:
    """A model that ends its process on 0, or whenever it gets several inputs at once."""

    def predict(self, value: int) -> list[int]:
        """The input, and in which process."""
        return [value, os.getpid()] if value else os._exit(1)

    def predict_batch(self, values: list[int]) -> list[int]:
        """No batch gets through."""
        os._exit(1)


def questions(*texts: bytes) -> list[Question]:
    """Questions, each with its place as correlation id."""
    return [Question(text, str(n)) for n, text in enumerate(texts)]


@pytest.fixture
def threads() -> Iterator[ThreadExecution]:
    """Two threads for models."""
    execution = ThreadExecution(MODELS, 2, 30)
    yield execution
    execution.abandon()


async def test_each_model_is_asked_by_its_name_and_each_question_has_its_outcome(
    threads: ThreadExecution,
) -> None:
    assert [card.name for card in threads.cards] == ["double", "meet", "stuck"]
    assert await threads.run("double", questions(b"1", b'"a"')) == [b"2", b'"aa"']
    assert not threads.broken.is_set()


async def test_as_many_models_run_at_once_as_there_are_threads(threads: ThreadExecution) -> None:
    outcomes = await asyncio.gather(*(threads.run("meet", questions(b"0")) for _ in range(2)))
    names = {outcome for (outcome,) in outcomes if isinstance(outcome, bytes)}
    assert len(names) == 2
    assert all(name.startswith(b'"model') for name in names)


async def test_an_overdue_call_in_a_thread_fails_all_its_questions_and_breaks_the_predictor() -> (
    None
):
    execution = ThreadExecution(MODELS, 1, 0.01)
    with structlog.testing.capture_logs() as logs:
        outcomes = await execution.run("stuck", questions(b"1", b"2"))
    go_on.set()
    execution.abandon()
    assert [type(outcome) for outcome in outcomes] == [ModelFailed, ModelFailed]
    assert "longer than the 0.01 s" in str(outcomes[0])
    assert execution.broken.is_set()
    assert [(line["log_level"], line["model"]) for line in logs] == [("critical", "stuck")]


@pytest.fixture
async def processes() -> AsyncIterator[ProcessExecution]:
    """One worker process that serves the deadly model and the one that refuses."""
    execution = ProcessExecution(
        parse_models(
            "deadly=tests.unit.test_execution:Deadly,scripted=tests.support.models:Scripted"
        ),
        1,
        30,
    )
    await execution.start()
    yield execution
    execution.abandon()


async def test_a_batch_that_ends_its_worker_is_asked_again_one_by_one(
    processes: ProcessExecution,
) -> None:
    assert [card.name for card in processes.cards] == ["deadly", "scripted"]
    with structlog.testing.capture_logs() as logs:
        first, second, third = await processes.run("deadly", questions(b"1", b"0", b"2"))
    assert isinstance(first, bytes)
    assert isinstance(third, bytes)
    assert (first[:3], third[:3]) == (b"[1,", b"[2,")
    assert first[3:] != third[3:], "the worker between them was replaced"
    assert isinstance(second, PredictorCrashed)
    assert len(logs) == 2
    assert not processes.broken.is_set()
    # Errors come back over the pipe as what they are, and in words that can travel.
    script = b'{"nonce": 1, "then": "refuse in words that cannot be encoded"}'
    (refused,) = await processes.run("scripted", questions(script))
    assert isinstance(refused, InvalidInput)
    assert refused.sentence == "?"


async def test_processes_that_cannot_load_a_model_leave_none_behind() -> None:
    execution = ProcessExecution(parse_models("x=tests.support.unloadable:Raises"), 2, 30)
    with pytest.raises(Misconfigured, match=r"^Model 'x=.*' cannot be loaded: FileNotFoundError"):
        await execution.start()
    assert multiprocessing.active_children() == []
