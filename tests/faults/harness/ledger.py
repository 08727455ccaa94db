"""The ledger: every call made during a fault, and how it ended."""

import asyncio
import itertools
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import httpx

from tests.support.harness.calls import ASYNC
from tests.support.harness.waiting import until

AT_ONCE: Final = 16
"""The number of predictions that are looked up at the same time."""

FINAL_TIMEOUT_S: Final = 60.0
ASK_AGAIN_S: Final = 0.05

Answer = tuple[int, str]
"""Status and body."""

CONNECTION_BROKE: Final = 0
"""The status of a call without a response, or whose caller left before it."""

NOBODY_LISTENED: Final = -1
"""The status of a call without a connection: no request was sent."""

LATER: Final = frozenset({CONNECTION_BROKE, 202, 503})
"""Statuses of a prediction that may still be pending."""


@dataclass(frozen=True, slots=True)
class Call:
    """A call whose input has a nonce, which is also the result of the model.

    ``answer`` is the body, or the error if there was none. ``prediction_id`` is what a 202 handed
    out, else empty; so is ``retry_after`` where the answer does not say when to come back.
    """

    nonce: str
    is_async: bool
    took_s: float
    status: int
    answer: Any
    prediction_id: str
    retry_after: str = ""


class Ledger:
    """A caller that records each call. Errors of a call are entries; only cancellation raises."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self._numbers = itertools.count()

    @property
    def accepted(self) -> dict[str, Call]:
        """The calls whose response has a prediction id, by that id."""
        return {call.prediction_id: call for call in self.calls if call.prediction_id}

    def statuses(self, *, is_async: bool) -> list[int]:
        """Return the statuses of the calls of one mode."""
        return [call.status for call in self.calls if call.is_async is is_async]

    async def grows(self, by: int) -> None:
        """Wait until ``by`` more calls have ended."""
        enough = len(self.calls) + by

        async def is_enough() -> bool:
            return len(self.calls) >= enough

        await until(is_enough, lambda: f"{by} more calls end")

    async def call(
        self, gateway: httpx.AsyncClient, *, is_async: bool = False, **script: Any
    ) -> Call:
        """Have a prediction made of ``Scripted``'s ``script`` with a nonce of its own."""
        nonce = f"nonce-{next(self._numbers)}"
        started_s = time.monotonic()

        def ended(status: int, answer: Any = None, retry_after: str = "") -> Call:
            took_s = time.monotonic() - started_s
            prediction_id = answer["prediction_id"] if status == httpx.codes.ACCEPTED else ""
            call = Call(nonce, is_async, took_s, status, answer, prediction_id, retry_after)
            self.calls.append(call)
            return call

        body, headers = {"input": {"nonce": nonce} | script}, ASYNC if is_async else {}
        try:
            answer = await gateway.post("/predict", json=body, headers=headers)
        except (httpx.ConnectError, httpx.ConnectTimeout) as exc:
            return ended(NOBODY_LISTENED, repr(exc))
        except httpx.TransportError as exc:
            return ended(CONNECTION_BROKE, repr(exc))
        except asyncio.CancelledError:
            ended(CONNECTION_BROKE)
            raise
        return ended(answer.status_code, answer.json(), answer.headers.get("retry-after", ""))

    async def final_answers(self, gateways: Sequence[httpx.AsyncClient]) -> dict[str, set[Answer]]:
        """Return the final responses of all gateways for each accepted prediction."""
        places = asyncio.Semaphore(AT_ONCE)

        async def ask(prediction_id: str) -> set[Answer]:
            async with places:
                return await answers_about(gateways, prediction_id)

        ids = list(self.accepted)
        return dict(zip(ids, await asyncio.gather(*map(ask, ids)), strict=True))


async def answers_about(gateways: Sequence[httpx.AsyncClient], prediction_id: str) -> set[Answer]:
    """Return the final responses for one prediction: a set of one if all gateways agree."""
    return {await _final_answer(gateway, prediction_id) for gateway in gateways}


async def _final_answer(gateway: httpx.AsyncClient, prediction_id: str) -> Answer:
    """Get a prediction until it is not pending; the last response after ``FINAL_TIMEOUT_S``."""
    deadline_s = time.monotonic() + FINAL_TIMEOUT_S
    while True:
        answer = await _get(gateway, f"/predict/{prediction_id}")
        if answer[0] not in LATER or time.monotonic() > deadline_s:
            return answer
        await asyncio.sleep(ASK_AGAIN_S)


async def _get(gateway: httpx.AsyncClient, path: str) -> Answer:
    try:
        answer = await gateway.get(path)
    except httpx.TransportError:
        return CONNECTION_BROKE, ""
    return answer.status_code, answer.text
