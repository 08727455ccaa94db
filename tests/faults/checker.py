"""The one check of all promises, whatever has failed.

It compares three accounts of what happened: what the callers were told (``ledger.py``), what the
reply stream says (``stream.py``), and what each gateway answers afterwards.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Final

import httpx
import msgspec

from tests.faults.ledger import CONNECTION_BROKE, Call, Ledger
from tests.faults.stream import Event
from tests.support.calls import final

GRACE_S: Final = 1.0
"""What a call may take beyond its deadline (P3)."""

AT_ONCE: Final = 16
"""How many questions are asked of the gateways at the same time."""

FINAL_TIMEOUT_S: Final = 60.0
OK: Final = 200

Answer = tuple[int, str]
"""Status and body."""


def check_answers(ledger: Ledger, deadline_s: float) -> None:
    """No call took longer than it may (P3), and none got an answer of another (P4)."""
    late = [call for call in ledger.calls if call.took_s > deadline_s + GRACE_S]
    assert not late, f"ended after {deadline_s:g} s + {GRACE_S:g} s: {late[:3]}"
    foreign = [call for call in ledger.calls if call.status == OK and not _is_of(call, call.answer)]
    assert not foreign, f"an answer of another call: {foreign[:3]}"


async def final_answers(
    ledger: Ledger, gateways: Sequence[httpx.AsyncClient]
) -> dict[str, set[Answer]]:
    """What the gateways say of each accepted prediction, once none says that it is pending."""
    places = asyncio.Semaphore(AT_ONCE)

    async def ask(prediction_id: str) -> set[Answer]:
        async with places:
            return {await _final_answer(gateway, prediction_id) for gateway in gateways}

    ids = list(ledger.accepted)
    return dict(zip(ids, await asyncio.gather(*map(ask, ids)), strict=True))


def check_final_states(
    ledger: Ledger,
    answers: Mapping[str, set[Answer]],
    events: Mapping[str, Event],
    ends: Mapping[str, int],
) -> None:
    """Each accepted prediction has one final state, the same everywhere (P1), and its own (P4).

    It is the first that the stream has. ``ends`` has the status of each nonce that is to end
    otherwise than with 200.
    """
    for prediction_id, call in ledger.accepted.items():
        told = answers[prediction_id]
        assert len(told) == 1, f"gateways differ about {call}: {told}"
        ((status, text),) = told
        assert status == ends.get(call.nonce, OK), f"{call} ended with {status} {text}"
        assert prediction_id in events, f"{call} ended without an event in the stream: {text}"
        if status == OK:
            assert _is_of(call, msgspec.json.decode(text)["output"]), f"{call} got {text}"
            first = events[prediction_id].body.decode()
            assert first in text, f"not the first event of {call}, {first}: {text}"


def check_events(ledger: Ledger, events: Mapping[str, Event]) -> None:
    """The stream has results of no other predictions than those accepted.

    A call that was told neither yes nor no for good may have been accepted: one result each.
    """
    strangers = [event for key, event in events.items() if key not in ledger.accepted]
    untold = {call.nonce for call in ledger.calls if _is_untold(call)}
    for event in strangers:
        nonce = msgspec.json.decode(event.body).get("input", {}).get("nonce")
        assert nonce in untold, f"a result of a prediction that was not accepted: {event}"
        untold.remove(nonce)


def _is_untold(call: Call) -> bool:
    return call.is_async and call.status in (CONNECTION_BROKE, 503, 504)


def _is_of(call: Call, answer: dict[str, Any]) -> bool:
    return bool(answer["input"]["nonce"] == call.nonce == answer["result"])


async def _final_answer(gateway: httpx.AsyncClient, prediction_id: str) -> Answer:
    answer = await final(gateway, prediction_id, FINAL_TIMEOUT_S)
    return answer.status_code, answer.text
