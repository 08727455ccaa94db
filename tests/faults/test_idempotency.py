"""A gateway lost between a key's claim and its request: the key has one prediction."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import httpx
import pytest

from predictmq.local.rabbitmq.broker import PrivateBroker
from tests.support.harness.calls import ASYNC, client, final
from tests.support.harness.proxy import Fault, Proxy
from tests.support.harness.services import Cluster, Service
from tests.support.models.scripted import SCRIPTED

KEY: Final = {"Idempotency-Key": "one of a kind"}
BODY: Final = {"input": {"nonce": "nonce"}}
KEY_IS_KNOWN: Final = "predictmq_idempotency_keys 1.0"


class ClaimWithoutRequest:
    """Two gateways, of which one has claimed a key and does not receive its own claim.

    Its connection to the broker is cut in the direction of the gateway: the claim is in the stream,
    the request is not published yet. ``begin`` returns the call that waits for it.
    """

    def __init__(self, cluster: Cluster, proxy: Proxy, runs: Path) -> None:
        settings = {"DEFAULT_MODEL": "scripted"}
        self.proxy = proxy
        self.claiming = cluster.gateway(**settings, RABBITMQ_PORT=str(proxy.port))
        self.other = cluster.gateway(**settings)
        self._predictor = cluster.predictor(**SCRIPTED, RUNS_FILE=str(runs))
        self._runs = runs

    @property
    def runs(self) -> int:
        """The number of executions of the model."""
        return len(self._runs.read_text().splitlines())

    async def begin(self) -> "asyncio.Task[httpx.Response | None]":
        for service in (self.claiming, self.other, self._predictor):
            await service.ready()
        self.proxy.inject(Fault.BLACKHOLE_DOWN)
        call = asyncio.create_task(_call_with_key(self.claiming))
        await self.other.reads(KEY_IS_KNOWN)
        return call


async def _call_with_key(gateway: Service) -> httpx.Response | None:
    """Make an async call with the key; None if the gateway ends before it responds."""
    async with client(gateway.url) as http:
        try:
            return await http.post("/predict", json=BODY, headers=KEY | ASYNC)
        except httpx.TransportError:
            return None


@pytest.fixture
async def claim(
    broker: PrivateBroker, cluster: Cluster, tmp_path: Path
) -> AsyncIterator[ClaimWithoutRequest]:
    """A gateway that is about to claim a key."""
    async with Proxy(broker.host, broker.port) as proxy:
        yield ClaimWithoutRequest(cluster, proxy, tmp_path / "runs")


async def test_p1_a_key_claimed_by_a_killed_gateway_keeps_its_id_at_another(
    claim: ClaimWithoutRequest,
) -> None:
    call = await claim.begin()
    claim.claiming.kill()
    assert await call is None
    claim.proxy.inject(Fault.NONE)
    followed_up = await asyncio.gather(*(_call_with_key(claim.other) for _ in range(10)))
    claim.claiming.start()
    await claim.claiming.ready()
    again = await _call_with_key(claim.claiming)
    assert again is not None
    assert again.status_code == 202
    assert {answer and answer.text for answer in followed_up} == {again.text}
    for gateway in (claim.claiming, claim.other):
        async with client(gateway.url) as http:
            ended = await final(http, again.json()["prediction_id"])
        assert ended.json()["output"]["result"] == "nonce"
    assert claim.runs == 1


async def test_p1_a_key_claimed_by_a_gateway_that_is_cut_off_has_one_id_at_both(
    claim: ClaimWithoutRequest,
) -> None:
    call = await claim.begin()
    followed_up = await _call_with_key(claim.other)
    assert followed_up is not None
    assert followed_up.status_code == 202
    claim.proxy.inject(Fault.NONE)
    late = await call
    assert late is not None
    assert late.text == followed_up.text
    answers = []
    for gateway in (claim.claiming, claim.other):
        async with client(gateway.url) as http:
            answers.append((await final(http, late.json()["prediction_id"])).text)
    assert answers[0] == answers[1]
    assert claim.runs in (1, 2)  # at least once: both may have sent the request


@pytest.mark.long
async def test_p6_calls_with_a_key_survive_a_broker_restart(
    own_broker: PrivateBroker, tmp_path: Path
) -> None:
    await asyncio.to_thread(own_broker.start)
    gate = tmp_path / "gate"
    settings = {"DEFAULT_MODEL": "scripted", "GATEWAY_SYNC_TIMEOUT_S": "80"}
    with Cluster(own_broker, tmp_path, "/") as cluster:
        gateways = [cluster.gateway(**settings) for _ in range(2)]
        predictor = cluster.predictor(**SCRIPTED)
        for service in (*gateways, predictor):
            await service.ready()
        async with client(gateways[0].url) as one, client(gateways[1].url) as other:
            body = {"input": {"nonce": "nonce", "until": str(gate)}}
            calls = [
                asyncio.create_task(gateway.post("/predict", json=body, headers=KEY))
                for gateway in (one, other)
            ]
            await predictor.reads("predictmq_model_calls_running 1.0")
            await asyncio.to_thread(own_broker.write_tables)
            await asyncio.to_thread(own_broker.kill)
            for gateway in gateways:
                await gateway.shows("/readyz", 503)
            gate.touch()
            await asyncio.to_thread(own_broker.start)
            answers = await asyncio.gather(*calls)
    assert [answer.status_code for answer in answers] == [200, 200]
    assert {answer.json()["result"] for answer in answers} == {"nonce"}
