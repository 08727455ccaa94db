"""How a model tells how far it has come."""

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
    """A model that reports."""
    for step in range(count):
        report((step + 1) / count, note=f"{step + 1}")
    return count


async def steps_later(count: int, *, tell: Report) -> int:
    """One that is async, and calls it otherwise."""
    return steps(count, tell)


def wrong(_: Any, report: Report) -> int:
    """A model that cannot count."""
    report("half")  # type: ignore[arg-type]
    return 1


def load(attribute: str) -> Model:
    """A model of this file."""
    (specification,) = parse_models(
        f"m=tests.unit.predictor_service.models.test_report:{attribute}"
    )
    return load_model(specification)


def run(model: Model, question: ModelInput) -> tuple[Outcome, list[tuple[str, Progress]]]:
    """What comes of a question, and what is heard of it until then."""
    heard: list[tuple[str, Progress]] = []
    (outcome,) = invoke(model, [question], lambda *told: heard.append(told))
    return outcome, heard


@pytest.mark.parametrize("attribute", ["steps", "steps_later"])
def test_a_model_that_asks_for_a_report_gets_one(attribute: str) -> None:
    outcome, heard = run(load(attribute), FOLLOWED)
    assert outcome == b"3"
    assert heard[0] == ("c", Progress(1 / 3, "1"))
    assert heard[-1] == ("c", Progress(1.0, "3"))


def test_what_it_takes_is_described_without_the_report() -> None:
    assert load("steps").card.input_schema == {"type": "integer"}


def test_a_prediction_that_nobody_can_follow_is_heard_of_by_nobody() -> None:
    outcome, heard = run(load("steps"), ModelInput(b"3", "c"))
    assert (outcome, heard) == (b"3", [])


def test_a_report_of_no_number_is_the_models_failure_followed_or_not() -> None:
    for question in (FOLLOWED, ModelInput(b"3", "c")):
        outcome, _ = run(load("wrong"), question)
        assert isinstance(outcome, ModelFailed)


def test_what_comes_too_fast_is_not_heard_but_the_last_of_it_is() -> None:
    heard: list[Progress] = []
    with Reporter(heard.append) as report:
        for number in range(10_001):
            report(number / 10_000)
    assert heard[0] == Progress(0.0)
    assert heard[-1] == Progress(1.0)
    assert len(heard) < 50


def test_the_last_is_heard_while_the_model_goes_on() -> None:
    heard: list[Progress] = []
    both = threading.Event()

    def hear(progress: Progress) -> None:
        heard.append(progress)
        if len(heard) == 2:
            both.set()

    with Reporter(hear) as report:
        for fraction in (0.1, 0.2, 0.3):
            report(fraction)
        assert both.wait(timeout=10)
        assert heard == [Progress(0.1), Progress(0.3)]


def test_what_is_reported_after_the_end_is_not_heard() -> None:
    heard: list[Progress] = []
    with Reporter(heard.append) as report:
        report(0.1)
    report(0.2)
    assert heard == [Progress(0.1)]


def test_many_threads_may_report_and_are_heard_one_after_the_other() -> None:
    inside, most = 0, 0

    def hear(_: Progress) -> None:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        inside -= 1

    with Reporter(hear) as report:
        threads = [threading.Thread(target=steps, args=(2_000, report)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert most == 1


def test_a_model_that_asks_for_none_is_called_with_its_input_alone() -> None:
    arguments: list[Any] = []

    def predict(*given: Any, **named: Any) -> None:
        arguments.append((given, named))

    run(Model(ModelCard(name="m"), Any, predict, None), FOLLOWED)
    assert arguments == [((3,), {})]


@pytest.mark.parametrize(
    ("fraction", "note", "travels"),
    [
        (1.5, "", Progress(1.0)),
        (-0.1, "", Progress(0.0)),
        (1, 7, Progress(1.0, "7")),
        (0.5, "\ud800", Progress(0.5, "?")),
        (0.5, "x" * 1000, Progress(0.5, "x" * MAX_NOTE_CHARS + "…")),
    ],
)
def test_what_a_model_reports_is_cut_to_what_can_travel(
    fraction: float, note: str, travels: Progress
) -> None:
    assert Progress.of(fraction, note) == travels
    assert Progress.from_message(travels.to_message("c", 0)) == travels


@pytest.mark.parametrize(
    "body", [b"", b"{}", b"[]", b'{"fraction": "x"}', b'{"fraction": null}', b"\xff"]
)
def test_progress_that_cannot_be_read_is_malformed(body: bytes) -> None:
    message = Message(type=MessageType.PROGRESS, body=body, correlation_id="c")
    with pytest.raises(MalformedRequest):
        Progress.from_message(message)
