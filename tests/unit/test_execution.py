"""A model on an input: its result, or an error that tells the caller nothing it may not know."""

import asyncio
import threading
from collections.abc import Iterator
from typing import Any, Final

import pytest
import structlog

from common.errors import InvalidInput, MalformedRequest, ModelFailed
from predictor_service.execution import Execution
from tests.support import loadable


@pytest.fixture
def execution() -> Iterator[Execution]:
    """Two threads for models."""
    threads = Execution(2)
    yield threads
    threads.abandon()


NUMBER: Final = b"21"


async def test_a_model_gets_the_value_and_its_result_is_json(execution: Execution) -> None:
    assert await execution.run(loadable.double, NUMBER, "c") == b"42"
    assert await execution.run(loadable.double, b'["\\u00e9"]', "c") == '["é","é"]'.encode()


async def test_an_input_that_the_model_refuses_is_refused_in_its_words(
    execution: Execution,
) -> None:
    with pytest.raises(InvalidInput, match=r"Not 21\."):
        await execution.run(loadable.refuses, NUMBER, "c")


@pytest.mark.parametrize(
    "model", [loadable.fails, loadable.answers_no_json, loadable.exits], ids=lambda m: m.__name__
)
async def test_a_model_that_fails_is_told_to_the_log_and_not_to_the_caller(
    execution: Execution, model: Any
) -> None:
    with structlog.testing.capture_logs() as logs, pytest.raises(ModelFailed) as failed:
        await execution.run(model, NUMBER, "c")
    assert failed.value.sentence == "The model failed on this input."
    assert [(line["correlation_id"], line["exc_info"]) for line in logs] == [("c", True)]


@pytest.mark.parametrize("text", [b"", b"{nope", b'"\xff"', b"[" * 100_000])
async def test_an_input_that_is_no_json_never_reaches_the_model(
    execution: Execution, text: bytes
) -> None:
    seen: list[Any] = []
    with pytest.raises(MalformedRequest):
        await execution.run(seen.append, text, "c")
    assert seen == []


async def test_as_many_models_run_at_once_as_there_are_threads(execution: Execution) -> None:
    both = threading.Barrier(2, timeout=10)

    def meet(_: Any) -> Any:
        both.wait()
        return threading.current_thread().name

    names = await asyncio.gather(*(execution.run(meet, NUMBER, "c") for _ in range(2)))
    assert len(set(names)) == 2
    assert all(name.startswith(b'"model') for name in names)
