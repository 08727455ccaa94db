"""Long polling: a GET that waits for the final state, at any gateway."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any, Final

import httpx
import pytest

from tests.support.harness.calls import accepted, client
from tests.support.harness.services import Cluster, Service
from tests.support.models.scripted import SCRIPTED

PENDING: Final = {"error": "Prediction is still being processed."}
WAITERS: Final = 200
Gateways = tuple[httpx.AsyncClient, httpx.AsyncClient]


@pytest.fixture
def services(cluster: Cluster) -> tuple[Service, Service]:
    settings = {"DEFAULT_MODEL": "scripted", "GATEWAY_SYNC_TIMEOUT_S": "8"}
    return cluster.gateway(**settings), cluster.gateway(**settings)


@pytest.fixture
async def gateways(cluster: Cluster, services: tuple[Service, Service]) -> AsyncIterator[Gateways]:
    predictor = cluster.predictor(**SCRIPTED)
    one, other = services
    for service in (one, other, predictor):
        await service.ready()
    async with client(one.url) as a, client(other.url) as b:
        yield a, b


def taking(sleep_s: float, **more: Any) -> dict[str, Any]:
    """Return the input of a prediction that takes ``sleep_s``."""
    return {"nonce": "n", "sleep_s": sleep_s} | more


async def test_all_waiters_get_the_final_state_at_once(gateways: Gateways) -> None:
    prediction_id = await accepted(gateways[0], taking(2))
    started_s = time.monotonic()
    answers = await asyncio.gather(
        *(each.get(f"/predict/{prediction_id}?wait=8") for each in gateways * (WAITERS // 2))
    )
    assert time.monotonic() - started_s < 6
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.text for answer in answers}) == 1
    assert answers[0].json()["output"]["result"] == "n"


async def test_a_waiter_for_a_finished_prediction_gets_it_at_once(gateways: Gateways) -> None:
    prediction_id = await accepted(gateways[0], taking(0))
    await asyncio.gather(*(each.get(f"/predict/{prediction_id}?wait=8") for each in gateways))
    started_s = time.monotonic()
    for gateway in gateways:
        assert (await gateway.get(f"/predict/{prediction_id}?wait=8")).status_code == 200
    assert time.monotonic() - started_s < 2


async def test_a_waiter_gets_a_failure_like_a_result(gateways: Gateways) -> None:
    prediction_id = await accepted(gateways[0], taking(0.5, then="refuse"))
    for gateway in gateways:
        answer = await gateway.get(f"/predict/{prediction_id}?wait=8")
        assert answer.status_code == 422


async def test_a_waiter_gets_pending_at_the_end_of_its_wait(gateways: Gateways) -> None:
    prediction_id = await accepted(gateways[0], taking(4))
    started_s = time.monotonic()
    answer = await gateways[1].get(f"/predict/{prediction_id}", headers={"Prefer": "wait=1"})
    assert 1 <= time.monotonic() - started_s < 2.5
    assert (answer.status_code, answer.json()) == (202, PENDING)
    assert answer.headers["preference-applied"] == "wait=1"
    assert answer.headers["retry-after"] == "1"


async def test_a_wait_of_a_query_is_capped_at_the_sync_timeout(gateways: Gateways) -> None:
    prediction_id = await accepted(gateways[0], taking(20))
    started_s = time.monotonic()
    answer = await gateways[1].get(f"/predict/{prediction_id}?wait=100000")
    assert 8 <= time.monotonic() - started_s < 12
    assert (answer.status_code, answer.json()) == (202, PENDING)


async def test_a_get_without_a_wait_responds_at_once(gateways: Gateways) -> None:
    prediction_id = await accepted(gateways[0], taking(2))
    started_s = time.monotonic()
    for path in (f"/predict/{prediction_id}", f"/predict/{prediction_id}?wait=0"):
        assert (await gateways[1].get(path)).status_code == 202
    assert time.monotonic() - started_s < 1.5


@pytest.mark.parametrize("wait", ["soon", "-1", "1.5", ""])
async def test_a_wait_that_is_no_number_is_refused(gateways: Gateways, wait: str) -> None:
    preferences: tuple[dict[str, str], ...] = ({}, {"Prefer": "wait=1"})
    for headers in preferences:  # one does not make it any better
        answer = await gateways[0].get(f"/predict/x?wait={wait}", headers=headers)
        assert answer.status_code == 400
        assert "?wait=10" in answer.json()["error"]


async def test_a_waiter_for_an_unknown_id_gets_404_at_once(gateways: Gateways) -> None:
    started_s = time.monotonic()
    assert (await gateways[0].get("/predict/unknown?wait=8")).status_code == 404
    assert time.monotonic() - started_s < 2


async def test_a_gateway_that_ends_responds_to_its_waiters_at_once(
    gateways: Gateways, services: tuple[Service, Service]
) -> None:
    prediction_id = await accepted(gateways[0], taking(4))
    waiting = asyncio.create_task(gateways[0].get(f"/predict/{prediction_id}?wait=8"))
    preferring = asyncio.create_task(
        gateways[0].post(
            "/predict", json={"input": taking(0)}, headers={"Prefer": "respond-async, wait=8"}
        )
    )
    await services[0].reads("predictmq_waiting_for_results 2.0")
    started_s = time.monotonic()
    services[0].terminate()
    assert ((await waiting).status_code, (await waiting).json()) == (202, PENDING)
    handed_out = await preferring
    assert handed_out.status_code == 202
    assert time.monotonic() - started_s < 2
    assert await services[0].exit_code(timeout_s=10) == 0
    for each in (prediction_id, handed_out.json()["prediction_id"]):
        assert (await gateways[1].get(f"/predict/{each}?wait=8")).status_code == 200


async def test_a_waiter_whose_client_disconnects_is_removed(
    gateways: Gateways, services: tuple[Service, Service]
) -> None:
    prediction_id = await accepted(gateways[0], taking(5))
    leaving = asyncio.create_task(gateways[0].get(f"/predict/{prediction_id}?wait=8"))
    await services[0].reads("predictmq_waiting_for_results 1.0")
    leaving.cancel()
    await services[0].reads("predictmq_waiting_for_results 0.0", timeout_s=3)
