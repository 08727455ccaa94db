"""Models in worker processes: an input that ends one costs no other anything."""

import multiprocessing
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import pytest
import structlog

from common.errors import InvalidInput, Misconfigured, ModelFailed, PredictorCrashed
from predictor_service.execution.processes import ProcessRunner
from predictor_service.execution.runner import RunnerBroken
from predictor_service.models.specification import parse_models
from tests.support.harness.waiting import until
from tests.support.models.invoking import inputs

CRASHING: Final = "tests.support.models.crashing"


@asynccontextmanager
async def workers(
    models: str, count: int = 1, timeout_s: float = 30
) -> AsyncIterator[ProcessRunner]:
    """Run worker processes that serve ``models``."""
    runner = ProcessRunner(parse_models(models), count, timeout_s)
    await runner.start()
    yield runner
    runner.abandon()


async def test_a_batch_that_ends_its_worker_is_run_again_one_by_one() -> None:
    async with workers(f"deadly={CRASHING}:Deadly") as processes:
        with structlog.testing.capture_logs() as logs:
            first, second, third = await processes.run("deadly", inputs(b"1", b"0", b"2"))
        assert not processes.broken.is_set()
    assert isinstance(first, bytes)
    assert isinstance(third, bytes)
    assert (first[:3], third[:3]) == (b"[1,", b"[2,")
    assert first[3:] != third[3:], "the worker between them was replaced"
    assert isinstance(second, PredictorCrashed)
    assert len(logs) == 2


async def test_errors_of_a_worker_keep_their_type_and_a_sentence_that_can_be_encoded() -> None:
    script = b'{"nonce": 1, "then": "refuse in words that cannot be encoded"}'
    async with workers("scripted=tests.support.models.scripted:Scripted") as processes:
        (refused,) = await processes.run("scripted", inputs(script))
    assert isinstance(refused, InvalidInput)
    assert refused.sentence == "?"


async def test_an_overdue_input_of_a_batch_fails_alone() -> None:
    async with workers(f"slow={CRASHING}:Slow", timeout_s=1) as processes:
        first, second, third = await processes.run("slow", inputs(b"1", b"-1", b"3"))
    assert (first, third) == (b"1", b"3")
    assert isinstance(second, ModelFailed)


async def test_a_worker_that_dies_while_it_is_idle_fails_no_request() -> None:
    async with workers(f"fork={CRASHING}:fork", count=2) as processes:
        for worker in multiprocessing.active_children():
            worker.kill()
            worker.join()
        outcomes = [await processes.run("fork", inputs(b'"a"')) for _ in range(4)]
    assert outcomes == [[b'"a"']] * 4


async def test_a_process_that_a_model_forks_sends_no_outcomes() -> None:
    async with workers(f"fork={CRASHING}:fork") as processes:
        texts = (b'"fork"', b'"a"', b'"b"')
        outcomes = [await processes.run("fork", inputs(text)) for text in texts]
    assert outcomes == [[text] for text in texts]


async def test_the_death_of_a_worker_is_noticed_while_its_child_lives() -> None:
    async with workers(f"dies={CRASHING}:fork_and_die") as processes:
        started_s = time.monotonic()
        (outcome,) = await processes.run("dies", inputs(b'""'))
        assert time.monotonic() - started_s < 10
    assert isinstance(outcome, PredictorCrashed)


async def test_a_worker_that_dies_while_it_loads_is_replaced_as_well(tmp_path: Path) -> None:
    async with workers(f"m={CRASHING}:DiesLoadingOnce({tmp_path / 'loads'})") as processes:
        (crashed,) = await processes.run("m", inputs(b"0"))
        assert isinstance(crashed, PredictorCrashed)
        assert await processes.run("m", inputs(b"1")) == [b"1"]
        assert not processes.broken.is_set()


async def test_a_runner_without_workers_is_broken(tmp_path: Path) -> None:
    async with workers(f"once={CRASHING}:LoadsOnce({tmp_path / 'marker'})") as processes:
        (crashed,) = await processes.run("once", inputs(b"1"))
        assert isinstance(crashed, PredictorCrashed)
        with pytest.raises(RunnerBroken):
            await processes.run("once", inputs(b"1"))
        assert processes.broken.is_set()


async def test_a_runner_that_cannot_load_its_model_leaves_no_process() -> None:
    runner = ProcessRunner(parse_models("x=tests.support.models.unloadable:Raises"), 2, 30)
    with pytest.raises(ExceptionGroup) as group:
        await runner.start()
    for error in group.value.exceptions:
        assert isinstance(error, Misconfigured)
        assert "cannot be loaded: FileNotFoundError" in str(error)

    async def none_is_left() -> bool:  # two threads may see the same end, one a moment later
        return not multiprocessing.active_children()

    await until(none_is_left, lambda: "no process is left")
