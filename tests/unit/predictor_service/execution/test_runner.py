"""Progress of models, wherever they run."""

import threading

import pytest

from common.contract.progress import Progress
from predictor_service.app import open_runner
from predictor_service.execution.invocation import ModelInput
from predictor_service.models.specification import parse_models
from predictor_service.settings import PredictorSettings


@pytest.mark.parametrize("isolation", ["thread", "process"])
async def test_progress_arrives_in_the_event_loop_before_the_outcome(isolation: str) -> None:
    specifications = parse_models("reporting=tests.support.models.scripted:Reporting")
    runner = await open_runner(PredictorSettings(PREDICTOR_ISOLATION=isolation), specifications)
    progress: list[tuple[str, Progress, int]] = []
    runner.on_progress = lambda *args: progress.append((*args, threading.get_ident()))
    try:
        inputs = [
            ModelInput(b'{"steps": 1}', "a", is_followed=True),
            ModelInput(b'{"steps": 2}', "b"),
        ]
        assert await runner.run("reporting", inputs) == [b"1", b"2"]
    finally:
        runner.abandon()
    assert progress == [("a", Progress(1.0, "step 1"), threading.get_ident())]
