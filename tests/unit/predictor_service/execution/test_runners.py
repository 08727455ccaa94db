"""Where models run: off the event loop, as many at once as was asked for."""

import asyncio
import multiprocessing
import os
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import pytest
import structlog

from common.contract.progress import Progress
from common.errors import InvalidInput, Misconfigured, ModelFailed, PredictorCrashed
from predictor_service.app import open_execution
from predictor_service.execution import invocation
from predictor_service.execution.invocation import ModelInput
from predictor_service.execution.processes import ProcessRunner
from predictor_service.execution.runner import RunnerBroken
from predictor_service.execution.threads import ThreadRunner
from predictor_service.models.specification import parse_models
from predictor_service.settings import PredictorSettings
from tests.support.harness.waiting import until

MODELS: Final = parse_models(
    "double=tests.support.models.loadable:double,meet=tests.unit.predictor_service.execution.test_runners:meet"
)
STUCK: Final = parse_models(
    "stuck=tests.unit.predictor_service.execution.test_runners:stuck,stuck-batch=tests.unit.predictor_service.execution.test_runners:StuckBatch"
)
HERE: Final = "tests.unit.predictor_service.execution.test_runners"
both: Final = threading.Barrier(2, timeout=10)
go_on: Final = threading.Event()


def meet(_: Any) -> str:
    """A model that returns once two calls of it run, each in a thread of its own."""
    both.wait()
    return threading.current_thread().name


def stuck(value: int) -> int:
    """A model that takes as long as the test does on 0."""
    if not value:
        go_on.wait(timeout=60)
    return value


class StuckBatch:
    """The same, and takes several inputs at once."""

    def predict(self, value: int) -> int:
        """The input."""
        return stuck(value)

    def predict_batch(self, values: list[int]) -> list[int]:
        """The inputs."""
        return [stuck(value) for value in values]


class Deadly:
    """A model that ends its process on 0, or whenever it gets several inputs at once."""

    def predict(self, value: int) -> list[int]:
        """The input, and in which process."""
        return [value, os.getpid()] if value else os._exit(1)

    def predict_batch(self, values: list[int]) -> list[int]:
        """No batch gets through."""
        os._exit(1)


class Slow:
    """A model that never ends when it gets -1, alone or among others."""

    def predict(self, value: int) -> int:
        """The input."""
        return self.predict_batch([value])[0]

    def predict_batch(self, values: list[int]) -> list[int]:
        """The inputs."""
        while -1 in values:
            time.sleep(1)
        return values


def fork(value: str) -> str:
    """A model that forks, and whose child wants to go on as if it were the model."""
    if value == "fork" and os.fork() == 0:
        sys.exit(0)
    return value


def fork_and_die(_: str) -> str:
    """A model that dies while a child of its own lives on, and with it all that it has open."""
    if os.fork() == 0:
        os.setsid()
        time.sleep(20)
        os._exit(0)
    os._exit(1)


class LoadsOnce:
    """A model that cannot be loaded again."""

    def __init__(self, marker: str) -> None:
        Path(marker).open("x").close()

    def predict(self, value: int) -> int:
        """End the process."""
        os._exit(1)


class DiesLoadingOnce:
    """The process ends while it loads for the second time; on 0, too."""

    def __init__(self, loads: str) -> None:
        with Path(loads).open("a") as file:
            file.write("x")
        if Path(loads).read_text() == "xx":
            os._exit(9)

    def predict(self, value: int) -> int:
        """End the process on 0."""
        if not value:
            os._exit(9)
        return value


def questions(*texts: bytes) -> list[ModelInput]:
    """Questions, each with its place as correlation id."""
    return [ModelInput(text, str(n)) for n, text in enumerate(texts)]


@pytest.fixture
def threads() -> Iterator[ThreadRunner]:
    """Two threads for models."""
    execution = ThreadRunner(MODELS, 2, 30)
    yield execution
    execution.abandon()


async def test_each_model_is_asked_by_its_name_and_each_question_has_its_outcome(
    threads: ThreadRunner,
) -> None:
    assert [card.name for card in threads.cards] == ["double", "meet"]
    assert await threads.run("double", questions(b"1")) == [b"2"]
    assert await threads.run("double", questions(b'"a"')) == [b'"aa"']
    assert not threads.broken.is_set()


async def test_as_many_models_run_at_once_as_there_are_threads(threads: ThreadRunner) -> None:
    outcomes = await asyncio.gather(*(threads.run("meet", questions(b"0")) for _ in range(2)))
    names = {outcome for (outcome,) in outcomes if isinstance(outcome, bytes)}
    assert len(names) == 2
    assert all(name.startswith(b'"model') for name in names)


@pytest.mark.parametrize(
    ("model", "outcomes"),
    [("stuck", [b"1", ModelFailed]), ("stuck-batch", [ModelFailed, ModelFailed, ModelFailed])],
)
async def test_an_overdue_call_in_a_thread_fails_what_it_was_about_and_breaks_the_predictor(
    monkeypatch: pytest.MonkeyPatch, model: str, outcomes: list[Any]
) -> None:
    monkeypatch.setattr(invocation, "TRIP_S", 60)
    go_on.clear()
    execution = ThreadRunner(STUCK, 1, 1)
    with structlog.testing.capture_logs() as logs:
        told = await execution.run(model, questions(b"1", b"0", b"2"))
    go_on.set()
    execution.abandon()
    assert [each if isinstance(each, bytes) else type(each) for each in told] == outcomes
    assert "longer than the 1 s" in str(told[1])
    assert execution.broken.is_set()
    assert [(line["log_level"], line["model"]) for line in logs] == [("critical", model)]


@asynccontextmanager
async def workers(
    models: str, count: int = 1, timeout_s: float = 30
) -> AsyncIterator[ProcessRunner]:
    """Worker processes that serve ``models`` of this file."""
    execution = ProcessRunner(parse_models(models), count, timeout_s)
    await execution.start()
    yield execution
    execution.abandon()


async def test_a_batch_that_ends_its_worker_is_asked_again_one_by_one() -> None:
    async with workers(f"deadly={HERE}:Deadly") as processes:
        with structlog.testing.capture_logs() as logs:
            first, second, third = await processes.run("deadly", questions(b"1", b"0", b"2"))
        assert not processes.broken.is_set()
    assert isinstance(first, bytes)
    assert isinstance(third, bytes)
    assert (first[:3], third[:3]) == (b"[1,", b"[2,")
    assert first[3:] != third[3:], "the worker between them was replaced"
    assert isinstance(second, PredictorCrashed)
    assert len(logs) == 2


@pytest.mark.parametrize("isolation", ["thread", "process"])
async def test_progress_is_heard_in_the_event_loop_before_the_outcome(isolation: str) -> None:
    specifications = parse_models("reporting=tests.support.models.scripted:Reporting")
    execution = await open_execution(
        PredictorSettings(PREDICTOR_ISOLATION=isolation), specifications
    )
    heard: list[tuple[str, Progress, int]] = []

    def hear(correlation_id: str, progress: Progress) -> None:
        heard.append((correlation_id, progress, threading.get_ident()))

    execution.on_progress = hear
    try:
        asked = [
            ModelInput(b'{"steps": 1}', "a", is_followed=True),
            ModelInput(b'{"steps": 2}', "b"),
        ]
        assert await execution.run("reporting", asked) == [b"1", b"2"]
    finally:
        execution.abandon()
    assert heard == [("a", Progress(1.0, "step 1"), threading.get_ident())]


async def test_errors_come_back_as_what_they_are_and_in_words_that_can_travel() -> None:
    script = b'{"nonce": 1, "then": "refuse in words that cannot be encoded"}'
    async with workers("scripted=tests.support.models.scripted:Scripted") as processes:
        (refused,) = await processes.run("scripted", questions(script))
    assert isinstance(refused, InvalidInput)
    assert refused.sentence == "?"


async def test_an_overdue_input_takes_only_itself_down() -> None:
    async with workers(f"slow={HERE}:Slow", timeout_s=1) as processes:
        first, second, third = await processes.run("slow", questions(b"1", b"-1", b"3"))
    assert (first, third) == (b"1", b"3")
    assert isinstance(second, ModelFailed)


async def test_a_worker_that_dies_while_it_is_idle_costs_no_request() -> None:
    async with workers(f"fork={HERE}:fork", count=2) as processes:
        for worker in multiprocessing.active_children():
            worker.kill()
            worker.join()
        outcomes = [await processes.run("fork", questions(b'"a"')) for _ in range(4)]
    assert outcomes == [[b'"a"']] * 4


async def test_what_a_model_forks_answers_nobody() -> None:
    async with workers(f"fork={HERE}:fork") as processes:
        texts = (b'"fork"', b'"a"', b'"b"')
        outcomes = [await processes.run("fork", questions(text)) for text in texts]
    assert outcomes == [[text] for text in texts]


async def test_a_worker_is_known_to_be_dead_while_what_it_has_forked_lives() -> None:
    async with workers(f"dies={HERE}:fork_and_die") as processes:
        started_s = time.monotonic()
        (outcome,) = await processes.run("dies", questions(b'""'))
        assert time.monotonic() - started_s < 10
    assert isinstance(outcome, PredictorCrashed)


async def test_a_worker_that_is_ended_while_it_loads_is_replaced_as_well(tmp_path: Path) -> None:
    async with workers(f"m={HERE}:DiesLoadingOnce({tmp_path / 'loads'})") as processes:
        (crashed,) = await processes.run("m", questions(b"0"))
        assert isinstance(crashed, PredictorCrashed)
        assert await processes.run("m", questions(b"1")) == [b"1"]
        assert not processes.broken.is_set()


async def test_an_execution_without_workers_is_broken_and_says_so(tmp_path: Path) -> None:
    async with workers(f"once={HERE}:LoadsOnce({tmp_path / 'marker'})") as processes:
        (crashed,) = await processes.run("once", questions(b"1"))
        assert isinstance(crashed, PredictorCrashed)
        with pytest.raises(RunnerBroken):
            await processes.run("once", questions(b"1"))
        assert processes.broken.is_set()


async def test_processes_that_cannot_load_a_model_leave_none_behind() -> None:
    execution = ProcessRunner(parse_models("x=tests.support.models.unloadable:Raises"), 2, 30)
    with pytest.raises(ExceptionGroup) as group:
        await execution.start()
    for error in group.value.exceptions:
        assert isinstance(error, Misconfigured)
        assert "cannot be loaded: FileNotFoundError" in str(error)

    async def none_is_left() -> bool:  # two threads may see the same end, one a moment later
        return not multiprocessing.active_children()

    await until(none_is_left, lambda: "no process is left")
