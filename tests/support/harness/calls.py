"""Calls that many tests make of a gateway."""

from typing import Any, Final

import httpx

from tests.support.harness.services import Service
from tests.support.harness.waiting import TIMEOUT_S, until

ASYNC: Final = {"Async-Mode": "true"}


def client(url: str) -> httpx.AsyncClient:
    """Return a client of one gateway with as many connections as the test has callers."""
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
    return httpx.AsyncClient(base_url=url, timeout=90, limits=limits)


async def accepted(gateway: httpx.AsyncClient, value: Any, path: str = "/predict") -> str:
    """Make an async call with ``value``; returns the id of the accepted prediction."""
    answer = await gateway.post(path, json={"input": value}, headers=ASYNC)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["prediction_id"])


async def final(
    gateway: httpx.AsyncClient, prediction_id: str, timeout_s: float = TIMEOUT_S
) -> httpx.Response:
    """Get a prediction until it is no longer pending; an AssertionError after ``timeout_s``."""
    answers: list[httpx.Response] = []

    async def ended() -> bool:
        answers.append(await gateway.get(f"/predict/{prediction_id}"))
        return answers[-1].status_code != 202

    await until(ended, lambda: f"{prediction_id} ends", timeout_s)
    return answers[-1]


async def held_by_a_busy_predictor(
    gateway: httpx.AsyncClient, predictor: Service, script: dict[str, Any]
) -> str:
    """Keep a predictor of ``Scripted`` busy, so that it holds what comes next.

    It takes requests ahead only while its model is fast: so it gets some that are first.
    Returns the id of the prediction that it runs now.
    """
    for _ in range(10):
        answer = await gateway.post("/predict", json={"input": {"nonce": "quick"}})
        assert answer.status_code == 200, answer.text
    prediction_id = await accepted(gateway, script)
    await predictor.reads("predictmq_model_calls_running 1.0")
    return prediction_id
