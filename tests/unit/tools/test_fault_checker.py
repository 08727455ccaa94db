"""The checker of the fault tests: every broken promise is a finding."""

from typing import Any

import pytest

from tests.faults.harness.checker import compare
from tests.faults.harness.ledger import Answer, Call, Ledger
from tests.faults.harness.stream import Event

ID = "id-1"
DEADLINE_S = 2.0


def _ledger(**changes: Any) -> Ledger:
    """Return a ledger with one accepted call, apart from ``changes``."""
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


def _sync(nonce: str) -> Ledger:
    """Return a ledger with one sync call whose response has ``nonce``."""
    answer = {"input": {"nonce": nonce}, "result": nonce}
    return _ledger(is_async=False, status=200, prediction_id="", answer=answer)


def _event(body: bytes = b'{"input": {"nonce": "n"}, "result": "n"}') -> Event:
    return Event(ID, "prediction.succeeded", body, reason="")


def _told(nonce: str = "n") -> set[Answer]:
    text = f'{{"input": {{"nonce": "{nonce}"}}, "result": "{nonce}"}}'
    return {(200, f'{{"output": {text}, "prediction_id": "{ID}"}}')}


def _findings(ledger: Ledger, answers: set[Answer], events: dict[str, Event]) -> str:
    return str(compare(ledger, {ID: answers}, events, DEADLINE_S))


def test_a_ledger_as_promised_has_no_findings() -> None:
    assert not _findings(_ledger(), _told(), {ID: _event()})
    assert not _findings(_sync("n"), set(), {})


def test_a_call_that_ends_too_late_is_a_finding() -> None:
    assert _findings(_ledger(took_s=3.1), _told(), {ID: _event()}).startswith("1 late: ")


def test_an_answer_of_another_call_is_a_finding() -> None:
    assert _findings(_sync("other"), set(), {}).startswith("1 foreign: ")
    assert "1 foreign: " in _findings(_ledger(), _told("other"), {ID: _event()})


def test_a_refusal_without_retry_after_is_a_finding() -> None:
    refused = {"status": 503, "prediction_id": ""}
    assert not _findings(_ledger(retry_after="1", **refused), set(), {})
    assert _findings(_ledger(**refused), set(), {}).startswith("1 curt: ")


@pytest.mark.parametrize(
    ("told", "events", "kind"),
    [
        (_told() | {(202, "")}, {ID: _event()}, "duplicated"),
        ({(504, "")}, {ID: _event()}, "lost"),
        (set[Answer](), {ID: _event()}, "lost"),
        (_told(), {}, "lost"),
        (_told(), {ID: _event(b'{"input": 1, "result": 2}')}, "duplicated"),
    ],
)
def test_a_final_state_that_is_not_the_one_of_the_stream_is_a_finding(
    told: set[Answer], events: dict[str, Event], kind: str
) -> None:
    assert f"1 {kind}: " in _findings(_ledger(), told, events)


def test_a_result_without_an_accepted_call_is_a_finding() -> None:
    refused = _ledger(status=422, prediction_id="")
    assert _findings(refused, set(), {ID: _event()}).startswith("1 foreign: ")
    untold = _ledger(status=504, prediction_id="")
    assert not _findings(untold, set(), {ID: _event()})
    assert _findings(untold, set(), {ID: _event(), "id-2": _event()}).startswith("1 foreign: ")


def test_only_a_final_state_that_the_stream_was_to_lose_may_be_missing_in_it() -> None:
    def lost(events: dict[str, Event]) -> str:
        answers = {ID: _told()}
        return str(compare(_ledger(), answers, events, DEADLINE_S, unrecorded={"n"}))

    assert not lost({})
    assert lost({ID: _event()}).startswith("1 lost: ")
