"""Inputs that are stopped while they run in a worker process cost no other input anything."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from common.errors import Cancelled
from predictor_service.execution.invocation import ModelInput
from predictor_service.execution.processes import ProcessRunner
from predictor_service.models.specification import Specification, parse_models
from tests.support.harness.waiting import POLL_S, until

HERE: Final = "tests.unit.predictor_service.execution.test_processes_stop"
LONG_S: Final = 60.0


class Noted:
    """A model that notes the inputs that it begins, and takes long over negative numbers."""

    def __init__(self, notes: str) -> None:
        self._notes = Path(notes)

    def predict(self, value: int) -> int:
        """Return the input."""
        return self.predict_batch([value])[0]

    def predict_batch(self, values: list[int]) -> list[int]:
        """Return the inputs."""
        with self._notes.open("a") as notes:
            notes.write(f"{values}\n")
        if min(values) < 0:
            time.sleep(LONG_S)
        return values


class OneByOne:
    """The same without batches."""

    def __init__(self, notes: str) -> None:
        self._noted = Noted(notes)

    def predict(self, value: int) -> int:
        """Return the input."""
        return self._noted.predict(value)


class OneWorker:
    """A runner with one worker, and the inputs that its model has begun."""

    def __init__(self, runner: ProcessRunner, notes: Path) -> None:
        self.runner = runner
        self._notes = notes

    def start(self, *values: int, model: str = "noted") -> "asyncio.Task[list[object]]":
        """Run the model; the correlation id of each input is its value."""
        inputs = [ModelInput(str(value).encode(), str(value)) for value in values]

        async def run() -> list[object]:
            return list(await self.runner.run(model, inputs))

        return asyncio.create_task(run())

    async def begins(self, *values: int) -> None:
        """Wait until the model has begun with these inputs."""

        async def has_begun() -> bool:
            return str(list(values)) in self.begun

        await until(has_begun, lambda: f"{values} begin", poll_s=POLL_S)

    @property
    def begun(self) -> list[str]:
        return self._notes.read_text().splitlines() if self._notes.exists() else []


def _models(notes: Path) -> Sequence[Specification]:
    return parse_models(f"noted={HERE}:Noted({notes}),one-by-one={HERE}:OneByOne({notes})")


@asynccontextmanager
async def one_worker(directory: Path) -> AsyncIterator[OneWorker]:
    notes = directory / "notes"
    runner = ProcessRunner(_models(notes), 1, LONG_S)
    await runner.start()
    try:
        yield OneWorker(runner, notes)
    finally:
        runner.abandon()


async def test_an_input_that_runs_is_stopped_and_the_next_finds_a_worker(tmp_path: Path) -> None:
    async with one_worker(tmp_path) as worker:
        stopped = worker.start(-1)
        await worker.begins(-1)
        worker.runner.stop("-1")
        assert [type(outcome) for outcome in await stopped] == [Cancelled]
        assert await worker.start(2) == [b"2"]
        assert not worker.runner.broken.is_set()


async def test_a_batch_runs_on_until_each_of_its_inputs_is_stopped(tmp_path: Path) -> None:
    async with one_worker(tmp_path) as worker:
        batch = worker.start(1, -2, 3)
        await worker.begins(1, -2, 3)
        for stopped in ("-2", "1"):
            worker.runner.stop(stopped)
            await asyncio.wait((batch,), timeout=0.2)
            assert not batch.done()
        worker.runner.stop("3")
        assert [type(outcome) for outcome in await batch] == [Cancelled] * 3
        assert worker.begun == ["[1, -2, 3]"]


async def test_an_input_of_a_chunk_does_not_wait_for_a_stopped_one(tmp_path: Path) -> None:
    async with one_worker(tmp_path) as worker:
        chunk = worker.start(-1, 2, model="one-by-one")
        await worker.begins(-1)
        worker.runner.stop("-1")
        first, second = await chunk
        assert isinstance(first, Cancelled)
        assert second == b"2"
        assert worker.begun == ["[-1]", "[2]"]


async def test_a_stopped_input_that_waits_for_a_worker_is_not_run(tmp_path: Path) -> None:
    async with one_worker(tmp_path) as worker:
        running = worker.start(-1)
        await worker.begins(-1)
        waiting = worker.start(-5)
        await asyncio.sleep(0)
        worker.runner.stop("-5")
        worker.runner.stop("-1")
        assert [type(outcome) for outcome in await running + await waiting] == [Cancelled] * 2
        assert worker.begun == ["[-1]"]


async def test_a_stop_concerns_no_other_input_and_none_that_is_over(tmp_path: Path) -> None:
    async with one_worker(tmp_path) as worker:
        assert await worker.start(1) == [b"1"]
        worker.runner.stop("1")
        assert await worker.start(1) == [b"1"]
        running = worker.start(-1)
        await worker.begins(-1)
        worker.runner.stop("another")
        await asyncio.wait((running,), timeout=0.2)
        assert not running.done()
        worker.runner.stop("-1")
        await running
