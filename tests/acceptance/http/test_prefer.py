"""Prefer: respond-async and wait, alone and together, over two gateways."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from tests.support.harness.calls import ASYNC, client, final
from tests.support.harness.services import Cluster, Service
from tests.support.models.scripted import SCRIPTED

Gateways = tuple[httpx.AsyncClient, httpx.AsyncClient]


@pytest.fixture
async def predictor(cluster: Cluster) -> Service:
    return cluster.predictor(**SCRIPTED, PREDICTOR_CONCURRENCY="4")


@pytest.fixture
async def gateways(cluster: Cluster, predictor: Service) -> AsyncIterator[Gateways]:
    settings = {"DEFAULT_MODEL": "scripted", "GATEWAY_SYNC_TIMEOUT_S": "4"}
    one, other = cluster.gateway(**settings), cluster.gateway(**settings)
    for service in (one, other, predictor):
        await service.ready()
    async with client(one.url) as a, client(other.url) as b:
        yield a, b


def prefer(preferences: str, **others: str) -> dict[str, str]:
    """Return headers with a ``Prefer``."""
    return {"Prefer": preferences} | others


def taking(sleep_s: float, **more: Any) -> dict[str, Any]:
    """Return a body whose prediction takes ``sleep_s``."""
    return {"input": {"nonce": "n", "sleep_s": sleep_s} | more}


async def test_a_call_that_prefers_respond_async_is_async(gateways: Gateways) -> None:
    here, there = gateways
    answer = await here.post("/predict", json=taking(0), headers=prefer("respond-async"))
    assert answer.status_code == 202
    assert answer.headers["preference-applied"] == "respond-async"
    assert answer.headers["location"] == f"/predict/{answer.json()['prediction_id']}"
    assert answer.headers["retry-after"] == "1"
    later = await final(there, answer.json()["prediction_id"])
    assert later.json()["output"]["result"] == "n"


async def test_a_sync_call_ends_after_the_preferred_wait(gateways: Gateways) -> None:
    here, _ = gateways
    started_s = time.monotonic()
    late = await here.post("/predict", json=taking(3), headers=prefer("wait=1"))
    assert 1 <= time.monotonic() - started_s < 2.5
    assert late.status_code == 504
    assert late.headers["preference-applied"] == "wait=1"
    in_time = await here.post("/predict", json=taking(0), headers=prefer("wait=2"))
    assert in_time.json() == {"input": taking(0)["input"], "result": "n"}
    assert in_time.headers["preference-applied"] == "wait=2"
    at_once = await here.post("/predict", json=taking(0), headers=prefer("wait=0"))
    assert at_once.status_code == 504


async def test_a_sync_call_that_timed_out_has_no_id_to_look_up(gateways: Gateways) -> None:
    here, there = gateways
    late = await here.post("/predict", json=taking(1), headers=prefer("wait=0"))
    path = f"/predict/{late.headers['correlation-id']}"
    assert [(await each.get(path)).status_code for each in gateways] == [404, 404]
    assert (await there.delete(path)).status_code == 404


async def test_a_sync_call_waits_no_longer_than_the_timeout_of_the_gateway(
    gateways: Gateways,
) -> None:
    here, _ = gateways
    started_s = time.monotonic()
    answer = await here.post("/predict", json=taking(8), headers=prefer("wait=60"))
    assert 4 <= time.monotonic() - started_s < 5.5
    assert answer.status_code == 504
    assert answer.headers["preference-applied"] == "wait=4"


@pytest.mark.parametrize("headers", [prefer("respond-async, wait=3"), prefer("wait=3", **ASYNC)])
async def test_a_call_that_prefers_both_gets_a_sync_response_in_time(
    gateways: Gateways, headers: dict[str, str]
) -> None:
    for gateway in gateways:
        quick = await gateway.post("/predict", json=taking(0.2), headers=headers)
        assert quick.status_code == 200
        assert quick.json() == {"input": taking(0.2)["input"], "result": "n"}
        assert quick.headers["preference-applied"] == headers["Prefer"]
        failed = await gateway.post("/predict", json=taking(0, then="refuse"), headers=headers)
        assert failed.status_code == 422
        assert failed.json() == {"error": "The model knows no such thing."}


async def test_a_call_that_prefers_both_gets_an_id_after_the_wait_and_its_prediction_goes_on(
    gateways: Gateways,
) -> None:
    here, there = gateways
    started_s = time.monotonic()
    answer = await here.post("/predict", json=taking(2.5), headers=prefer("respond-async, wait=1"))
    assert 1 <= time.monotonic() - started_s < 2.4
    assert answer.status_code == 202
    assert answer.headers["preference-applied"] == "respond-async, wait=1"
    later = await asyncio.gather(
        *(final(each, answer.json()["prediction_id"]) for each in (here, there))
    )
    assert [each.json()["output"]["result"] for each in later] == ["n", "n"]


async def test_unknown_preferences_are_ignored(gateways: Gateways) -> None:
    here, _ = gateways
    unknown = prefer('return=minimal, wait=soon, handling="str')
    answer = await here.post("/predict", json=taking(0), headers=unknown)
    assert answer.status_code == 200
    assert "preference-applied" not in answer.headers
