"""The calls that were made while something failed, and how each of them ended."""

import itertools
import time
from dataclasses import dataclass
from typing import Any, Final

import httpx

from tests.support.calls import ASYNC

CONNECTION_BROKE: Final = 0
"""What stands for a status where no answer came."""


@dataclass(frozen=True, slots=True)
class Call:
    """A call whose input carries a nonce, which the model gives back as its result.

    ``prediction_id`` is what a 202 handed out, else empty.
    """

    nonce: str
    is_async: bool
    took_s: float
    status: int
    answer: Any
    prediction_id: str


class Ledger:
    """Makes calls and remembers them. A call never raises: how it ended is an entry."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self._numbers = itertools.count()

    @property
    def accepted(self) -> dict[str, Call]:
        """The calls that were given a prediction id, by that id."""
        return {call.prediction_id: call for call in self.calls if call.prediction_id}

    def statuses(self, *, is_async: bool) -> list[int]:
        """How the calls of one mode ended."""
        return [call.status for call in self.calls if call.is_async is is_async]

    async def call(
        self, gateway: httpx.AsyncClient, *, is_async: bool = False, **script: Any
    ) -> Call:
        """Have a prediction made of ``Scripted``'s ``script`` with a nonce of its own."""
        nonce = f"nonce-{next(self._numbers)}"
        started_s = time.monotonic()
        status, answer = await _post(gateway, {"nonce": nonce} | script, ASYNC if is_async else {})
        prediction_id = answer["prediction_id"] if status == httpx.codes.ACCEPTED else ""
        took_s = time.monotonic() - started_s
        call = Call(nonce, is_async, took_s, status, answer, prediction_id)
        self.calls.append(call)
        return call


async def _post(
    gateway: httpx.AsyncClient, script: dict[str, Any], headers: dict[str, str]
) -> tuple[int, Any]:
    try:
        answer = await gateway.post("/predict", json={"input": script}, headers=headers)
    except httpx.TransportError:
        return CONNECTION_BROKE, None
    return answer.status_code, answer.json()
