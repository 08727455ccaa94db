"""The check of the fault tests notices what it is there to notice."""

from typing import Any

import pytest

from tests.faults.checker import Answer, check_answers, check_events, check_final_states
from tests.faults.ledger import Call, Ledger
from tests.faults.stream import Event

ID = "id-1"
DEADLINE_S = 2.0


def _answer(nonce: str) -> dict[str, Any]:
    return {"input": {"nonce": nonce}, "result": nonce}


def _ledger(**changes: Any) -> Ledger:
    """A ledger with one call that was accepted, but for ``changes``."""
    fields: dict[str, Any] = {
        "nonce": "n",
        "is_async": True,
        "took_s": 0.1,
        "status": 202,
        "answer": None,
        "prediction_id": ID,
    }
    ledger = Ledger()
    ledger.calls.append(Call(**fields | changes))
    return ledger


def _event(body: bytes = b'{"input": {"nonce": "n"}, "result": "n"}') -> Event:
    return Event(ID, "prediction.succeeded", body, reason="")


def _told(nonce: str = "n") -> set[Answer]:
    text = f'{{"input": {{"nonce": "{nonce}"}}, "result": "{nonce}"}}'
    return {(200, f'{{"output": {text}, "prediction_id": "{ID}"}}')}


def test_what_is_as_promised_passes() -> None:
    ledger = _ledger()
    check_answers(ledger, DEADLINE_S)
    check_final_states(ledger, {ID: _told()}, {ID: _event()}, {})
    check_events(ledger, {ID: _event()})
    check_answers(_ledger(status=200, answer=_answer("n")), DEADLINE_S)


def test_a_call_that_ends_too_late_is_noticed() -> None:
    with pytest.raises(AssertionError, match=r"ended after 2 s"):
        check_answers(_ledger(took_s=3.1), DEADLINE_S)


def test_an_answer_of_another_call_is_noticed() -> None:
    with pytest.raises(AssertionError, match="of another call"):
        check_answers(_ledger(status=200, answer=_answer("other")), DEADLINE_S)
    with pytest.raises(AssertionError, match="got"):
        check_final_states(_ledger(), {ID: _told("other")}, {ID: _event()}, {})


@pytest.mark.parametrize(
    ("told", "events", "sentence"),
    [
        (_told() | {(202, "")}, {ID: _event()}, "gateways differ"),
        ({(504, "")}, {ID: _event()}, "ended with 504"),
        (_told(), {}, "without an event"),
        (_told(), {ID: _event(b'{"input": 1, "result": 2}')}, "not the first event"),
    ],
)
def test_a_final_state_that_is_not_the_one_of_the_stream_is_noticed(
    told: set[Answer], events: dict[str, Event], sentence: str
) -> None:
    with pytest.raises(AssertionError, match=sentence):
        check_final_states(_ledger(), {ID: told}, events, {})


def test_a_result_that_nobody_was_promised_is_noticed() -> None:
    refused = _ledger(status=422, prediction_id="")
    with pytest.raises(AssertionError, match="not accepted"):
        check_events(refused, {ID: _event()})
    untold = _ledger(status=504, prediction_id="")
    check_events(untold, {ID: _event()})
    with pytest.raises(AssertionError, match="not accepted"):
        check_events(untold, {ID: _event(), "id-2": _event()})
