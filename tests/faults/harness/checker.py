"""The one check of all promises, for every fault. No I/O.

It compares three accounts of what happened: what the callers were told (``ledger.py``), what the
gateways answer afterwards, and what the reply stream says (``stream.py``).
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Final

import msgspec

from tests.faults.harness.ledger import CONNECTION_BROKE, Answer, Call, Ledger
from tests.faults.harness.stream import Event

GRACE_S: Final = 1.0
"""The longest time of a call beyond its deadline (P3)."""

OK: Final = 200
REFUSED: Final = 503


@dataclass
class Findings:
    """The broken promises: one sentence for each case."""

    lost: list[str] = field(default_factory=list)
    """Accepted predictions that did not end, or not as they should have (P1, P2)."""

    duplicated: list[str] = field(default_factory=list)
    """Accepted predictions with more than one final state, here or there (P1)."""

    foreign: list[str] = field(default_factory=list)
    """Answers that belong to another call, and results that nobody was promised (P4)."""

    late: list[str] = field(default_factory=list)
    """Calls that took longer than their deadline allows (P3)."""

    curt: list[str] = field(default_factory=list)
    """Refusals that do not say when to come back (P7)."""

    def __str__(self) -> str:
        """Return the first few of each kind; empty if every promise was kept."""
        kinds = {each.name: getattr(self, each.name) for each in fields(self)}
        return "; ".join(
            f"{len(found)} {kind}: {found[:3]}" for kind, found in kinds.items() if found
        )


def compare(
    ledger: Ledger,
    answers: Mapping[str, set[Answer]],
    events: Mapping[str, Event],
    deadline_s: float,
    *,
    ends: Mapping[str, int] | None = None,
    unrecorded: Collection[str] = (),
) -> Findings:
    """Compare the calls with what the gateways answer and with the first events of the stream.

    ``answers`` and ``events`` go by prediction id. ``ends`` has the status of each nonce whose
    prediction is to end otherwise than with 200, ``unrecorded`` the nonces of those whose final
    state the stream is to have lost.
    """
    findings = Findings()
    for call in ledger.calls:
        if call.took_s > deadline_s + GRACE_S:
            findings.late.append(f"{call}")
        if call.status == OK and not _is_of(call, call.answer):
            findings.foreign.append(f"{call}")
        if call.status == REFUSED and not call.retry_after:
            findings.curt.append(f"{call}")
    for prediction_id, call in ledger.accepted.items():
        expected = (ends or {}).get(call.nonce, OK)
        event = events.get(prediction_id)
        found = answers.get(prediction_id, set())
        if not found or (event is None) is not (call.nonce in unrecorded):
            findings.lost.append(f"{call} has no final state, or one too many: {event}, {found}")
        _check_answers(findings, call, found, event, expected)
    _check_strangers(findings, ledger, events)
    return findings


def _check_answers(
    findings: Findings, call: Call, answers: set[Answer], event: Event | None, expected: int
) -> None:
    if len(answers) > 1:
        findings.duplicated.append(f"{call}: {answers}")
    for status, text in answers:
        if status != expected:
            findings.lost.append(f"{call} ended with {status} {text}")
        elif status == OK:
            if not _is_of(call, msgspec.json.decode(text)["output"]):
                findings.foreign.append(f"{call} got {text}")
            if event is not None and event.body.decode() not in text:
                findings.duplicated.append(f"{call} got {text}, not the first: {event}")


def _check_strangers(findings: Findings, ledger: Ledger, events: Mapping[str, Event]) -> None:
    """Find results without an accepted call. A call without a clear response may have one each."""
    untold = {call.nonce for call in ledger.calls if _is_untold(call)}
    for event in (event for key, event in events.items() if key not in ledger.accepted):
        nonce = msgspec.json.decode(event.body).get("input", {}).get("nonce")
        if nonce not in untold:
            findings.foreign.append(f"a result that nobody was promised: {event}")
        untold.discard(nonce)


def _is_untold(call: Call) -> bool:
    return call.is_async and call.status in (CONNECTION_BROKE, REFUSED, 504)


def _is_of(call: Call, answer: dict[str, Any]) -> bool:
    return bool(answer["input"]["nonce"] == call.nonce == answer["result"])
