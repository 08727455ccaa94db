"""Reports of progress, from the model to the predictor."""

import threading
from typing import Any

import pytest

from common.contract.announcement import ModelCard
from common.contract.messages import Message, MessageType
from common.contract.progress import MAX_NOTE_CHARS, Progress
from common.errors import MalformedRequest, ModelFailed
from predictor_service.execution.invocation import ModelInput, Outcome, invoke
from predictor_service.models import Report
from predictor_service.models.loader import Model, load_model
from predictor_service.models.report import Reporter
from predictor_service.models.specification import parse_models

FOLLOWED = ModelInput(b"3", "c", is_followed=True)


def steps(count: int, report: Report) -> int:
    """Report each step, as a model does."""
    for step in range(count):
        report((step + 1) / count, note=f"{step + 1}")
    return count


async def steps_later(count: int, *, on_step: Report) -> int:
    """Report each step, as an async model with another name for the report does."""
    return steps(count, on_step)


def wrong(_: Any, report: Report) -> int:
    """Report no number, as a model with a bug does."""
    report("half")  # type: ignore[arg-type]
    return 1


def load(attribute: str) -> Model:
    """Load a model of this file."""
    (specification,) = parse_models(
        f"m=tests.unit.predictor_service.models.test_report:{attribute}"
    )
    return load_model(specification)


def run(model: Model, model_input: ModelInput) -> tuple[Outcome, list[tuple[str, Progress]]]:
    """Run a model; return the outcome and the progress until then."""
    progress: list[tuple[str, Progress]] = []
    (outcome,) = invoke(model, [model_input], lambda *args: progress.append(args))
    return outcome, progress


@pytest.mark.parametrize("attribute", ["steps", "steps_later"])
def test_a_model_with_a_report_parameter_gets_a_report(attribute: str) -> None:
    outcome, progress = run(load(attribute), FOLLOWED)
    assert outcome == b"3"
    assert progress[0] == ("c", Progress(1 / 3, "1"))
    assert progress[-1] == ("c", Progress(1.0, "3"))


def test_the_input_schema_leaves_out_the_report() -> None:
    assert load("steps").card.input_schema == {"type": "integer"}


def test_the_reports_of_a_prediction_that_is_not_followed_are_ignored() -> None:
    outcome, progress = run(load("steps"), ModelInput(b"3", "c"))
    assert (outcome, progress) == (b"3", [])


def test_a_report_of_no_number_fails_its_prediction_followed_or_not() -> None:
    for model_input in (FOLLOWED, ModelInput(b"3", "c")):
        outcome, _ = run(load("wrong"), model_input)
        assert isinstance(outcome, ModelFailed)


def test_reports_in_quick_succession_are_dropped_except_for_the_last() -> None:
    passed_on: list[Progress] = []
    with Reporter(passed_on.append) as report:
        for number in range(10_001):
            report(number / 10_000)
    assert passed_on[0] == Progress(0.0)
    assert passed_on[-1] == Progress(1.0)
    assert len(passed_on) < 50


def test_the_last_report_is_passed_on_while_the_model_runs() -> None:
    passed_on: list[Progress] = []
    both = threading.Event()

    def on_progress(progress: Progress) -> None:
        passed_on.append(progress)
        if len(passed_on) == 2:
            both.set()

    with Reporter(on_progress) as report:
        for fraction in (0.1, 0.2, 0.3):
            report(fraction)
        assert both.wait(timeout=10)
        assert passed_on == [Progress(0.1), Progress(0.3)]


def test_a_report_after_the_end_is_ignored() -> None:
    passed_on: list[Progress] = []
    with Reporter(passed_on.append) as report:
        report(0.1)
    report(0.2)
    assert passed_on == [Progress(0.1)]


def test_the_reports_of_many_threads_are_passed_on_one_at_a_time() -> None:
    inside, most = 0, 0

    def on_progress(_: Progress) -> None:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        inside -= 1

    with Reporter(on_progress) as report:
        threads = [threading.Thread(target=steps, args=(2_000, report)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert most == 1


def test_a_model_without_a_report_parameter_is_called_with_its_input_alone() -> None:
    arguments: list[Any] = []

    def predict(*args: Any, **kwargs: Any) -> None:
        arguments.append((args, kwargs))

    run(Model(ModelCard(name="m"), Any, predict, None), FOLLOWED)
    assert arguments == [((3,), {})]


@pytest.mark.parametrize(
    ("fraction", "note", "expected"),
    [
        (1.5, "", Progress(1.0)),
        (-0.1, "", Progress(0.0)),
        (1, 7, Progress(1.0, "7")),
        (0.5, "\ud800", Progress(0.5, "?")),
        (0.5, "x" * 1000, Progress(0.5, "x" * MAX_NOTE_CHARS + "…")),
    ],
)
def test_progress_is_cut_to_the_range_and_length_of_the_contract(
    fraction: float, note: str, expected: Progress
) -> None:
    assert Progress.of(fraction, note) == expected
    assert Progress.from_message(expected.to_message("c", 0)) == expected


@pytest.mark.parametrize(
    "body", [b"", b"{}", b"[]", b'{"fraction": "x"}', b'{"fraction": null}', b"\xff"]
)
def test_progress_that_cannot_be_read_is_malformed(body: bytes) -> None:
    message = Message(type=MessageType.PROGRESS, body=body, correlation_id="c")
    with pytest.raises(MalformedRequest):
        Progress.from_message(message)
