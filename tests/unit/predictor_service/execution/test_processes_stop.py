"""A prediction that runs in a process is stopped, and costs no other anything."""

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
    """A model that notes what it begins, and takes long over negative numbers."""

    def __init__(self, notes: str) -> None:
        self._notes = Path(notes)

    def predict(self, value: int) -> int:
        """The input."""
        return self.predict_batch([value])[0]

    def predict_batch(self, values: list[int]) -> list[int]:
        """The inputs."""
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
        """The input."""
        return self._noted.predict(value)


class World:
    """One worker, and what its model has begun."""

    def __init__(self, execution: ProcessRunner, notes: Path) -> None:
        self.execution = execution
        self._notes = notes

    def start(self, *values: int, model: str = "noted") -> "asyncio.Task[list[object]]":
        """Ask; the correlation id of each is its value."""
        questions = [ModelInput(str(value).encode(), str(value)) for value in values]

        async def asked() -> list[object]:
            return list(await self.execution.run(model, questions))

        return asyncio.create_task(asked())

    async def begins(self, *values: int) -> None:
        """Wait until the model has begun with these."""

        async def has_begun() -> bool:
            return str(list(values)) in self.begun

        await until(has_begun, lambda: f"{values} begin", poll_s=POLL_S)

    @property
    def begun(self) -> list[str]:
        return self._notes.read_text().splitlines() if self._notes.exists() else []


def _models(notes: Path) -> Sequence[Specification]:
    return parse_models(f"noted={HERE}:Noted({notes}),one-by-one={HERE}:OneByOne({notes})")


@asynccontextmanager
async def world(directory: Path) -> AsyncIterator[World]:
    notes = directory / "notes"
    execution = ProcessRunner(_models(notes), 1, LONG_S)
    await execution.start()
    try:
        yield World(execution, notes)
    finally:
        execution.abandon()


async def test_what_runs_is_stopped_and_the_next_finds_a_worker(tmp_path: Path) -> None:
    async with world(tmp_path) as one:
        stopped = one.start(-1)
        await one.begins(-1)
        one.execution.stop("-1")
        assert [type(outcome) for outcome in await stopped] == [Cancelled]
        assert await one.start(2) == [b"2"]
        assert not one.execution.broken.is_set()


async def test_a_batch_goes_on_until_nobody_needs_any_of_it(tmp_path: Path) -> None:
    async with world(tmp_path) as one:
        batch = one.start(1, -2, 3)
        await one.begins(1, -2, 3)
        for stopped in ("-2", "1"):
            one.execution.stop(stopped)
            await asyncio.wait((batch,), timeout=0.2)
            assert not batch.done()
        one.execution.stop("3")
        assert [type(outcome) for outcome in await batch] == [Cancelled] * 3
        assert one.begun == ["[1, -2, 3]"]


async def test_what_is_asked_one_by_one_does_not_wait_for_what_is_stopped(tmp_path: Path) -> None:
    async with world(tmp_path) as one:
        trip = one.start(-1, 2, model="one-by-one")
        await one.begins(-1)
        one.execution.stop("-1")
        first, second = await trip
        assert isinstance(first, Cancelled)
        assert second == b"2"
        assert one.begun == ["[-1]", "[2]"]


async def test_what_waits_for_a_worker_is_not_begun(tmp_path: Path) -> None:
    async with world(tmp_path) as one:
        running = one.start(-1)
        await one.begins(-1)
        waiting = one.start(-5)
        await asyncio.sleep(0)
        one.execution.stop("-5")
        one.execution.stop("-1")
        assert [type(outcome) for outcome in await running + await waiting] == [Cancelled] * 2
        assert one.begun == ["[-1]"]


async def test_what_runs_beside_it_or_is_over_is_let_alone(tmp_path: Path) -> None:
    async with world(tmp_path) as one:
        assert await one.start(1) == [b"1"]
        one.execution.stop("1")
        assert await one.start(1) == [b"1"]
        running = one.start(-1)
        await one.begins(-1)
        one.execution.stop("another")
        await asyncio.wait((running,), timeout=0.2)
        assert not running.done()
        one.execution.stop("-1")
        await running
