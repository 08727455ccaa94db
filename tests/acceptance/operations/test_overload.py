"""P7 and P10: bodies under way are bounded, and a body beyond the bound is refused at once."""

import asyncio
from typing import Final

import httpx
import pytest

from tests.support.harness.calls import client
from tests.support.harness.services import Cluster
from tests.support.models.scripted import SCRIPTED

ALICE: Final = "alice-key-of-a-test"
BOB: Final = "bob-key-of-a-test"
HEAD: Final = b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"


async def test_bodies_under_way_are_bounded_in_bytes(cluster: Cluster) -> None:
    gateway = cluster.gateway(
        GATEWAY_MAX_IN_FLIGHT_BYTES="1000", GATEWAY_MAX_BODY_BYTES="1000", DEFAULT_MODEL="scripted"
    )
    predictor = cluster.predictor(**SCRIPTED, PREDICTOR_CONCURRENCY="2")
    await gateway.ready()
    await predictor.ready()
    async with client(gateway.url) as http:
        slow = {"input": {"nonce": 1, "sleep_s": 1, "padding": "x" * 400}}
        calls = [asyncio.create_task(http.post("/predict", json=slow)) for _ in range(2)]
        await gateway.reads("predictmq_pending_calls 2.0")
        refused = await http.post("/predict", json=slow)
        assert refused.status_code == 503
        assert [answer.status_code for answer in await asyncio.gather(*calls)] == [200, 200]
        assert (await http.post("/predict", json=slow)).status_code == 200


@pytest.mark.parametrize("framing", ["Content-Length: 1000", "Transfer-Encoding: chunked"])
async def test_announced_bodies_that_do_not_come_keep_nobody_out_and_get_408(
    cluster: Cluster, framing: str
) -> None:
    gateway = cluster.gateway(
        GATEWAY_MAX_IN_FLIGHT="4",
        GATEWAY_MAX_IN_FLIGHT_BYTES="1000",
        GATEWAY_MAX_BODY_BYTES="1000",
    )
    predictor = cluster.predictor()
    await gateway.ready()
    await predictor.ready()
    url = httpx.URL(gateway.url)
    silent = [await asyncio.open_connection(url.host, url.port) for _ in range(50)]
    for _, writer in silent:
        writer.write(HEAD + framing.encode() + b"\r\n\r\n")  # and not a byte of the body
    async with client(gateway.url) as http:
        for _ in range(20):
            assert (await http.post("/predict", json={"input": 1})).status_code == 200
    for reader, writer in silent:
        assert (await reader.readline()).startswith(b"HTTP/1.1 408 ")
        writer.close()


async def test_the_part_of_a_body_that_has_arrived_is_counted_and_no_more(cluster: Cluster) -> None:
    gateway = cluster.gateway(GATEWAY_MAX_IN_FLIGHT_BYTES="1000", GATEWAY_MAX_BODY_BYTES="1000")
    await gateway.ready()
    url = httpx.URL(gateway.url)
    _, writer = await asyncio.open_connection(url.host, url.port)
    writer.write(HEAD + b"Content-Length: 1000\r\n\r\n" + b"[" * 800)
    await gateway.reads("predictmq_in_flight_bytes 800.0")
    await gateway.reads('predictmq_calls_in_flight{mode="sync"} 0.0')
    async with client(gateway.url) as http:
        refused = await http.post("/predict", json={"input": "x" * 300})
        assert (refused.status_code, refused.headers["Retry-After"]) == (503, "1")
        assert "bytes of bodies" in refused.json()["error"]
    writer.close()
    await gateway.reads("predictmq_in_flight_bytes 0.0")


async def test_no_api_key_takes_all_calls_while_others_ask(cluster: Cluster) -> None:
    gateway = cluster.gateway(
        GATEWAY_MAX_IN_FLIGHT="10",
        GATEWAY_API_KEYS=f"alice={ALICE},bob={BOB}",
        DEFAULT_MODEL="scripted",
    )
    predictor = cluster.predictor(**SCRIPTED, PREDICTOR_CONCURRENCY="10")
    await gateway.ready()
    await predictor.ready()
    slow = {"input": {"nonce": 1, "sleep_s": 5}}
    async with client(gateway.url) as http:
        alice, bob = {"X-API-Key": ALICE}, {"X-API-Key": BOB}
        calls = [
            asyncio.create_task(http.post("/predict", json=slow, headers=alice)) for _ in range(30)
        ]
        await gateway.reads("predictmq_pending_calls 8.0")
        quick = await http.post("/predict", json={"input": {"nonce": 2}}, headers=bob)
        assert quick.status_code == 200
        answers = await asyncio.gather(*calls)
    refused = [answer for answer in answers if answer.status_code == 503]
    assert [answer.status_code for answer in answers].count(200) == 8
    assert len(refused) == 22
    assert {answer.headers["Retry-After"] for answer in refused} == {"1"}
    assert {answer.json()["error"] for answer in refused} == {
        "Too many predictions are under way with this API key; try again later."
    }


async def test_no_api_key_takes_all_bytes_while_others_ask(cluster: Cluster) -> None:
    gateway = cluster.gateway(
        GATEWAY_MAX_IN_FLIGHT_BYTES="10000",
        GATEWAY_MAX_BODY_BYTES="2000",
        GATEWAY_API_KEYS=f"alice={ALICE},bob={BOB}",
    )
    predictor = cluster.predictor()
    await gateway.ready()
    await predictor.ready()
    url = httpx.URL(gateway.url)
    head = HEAD + b"X-API-Key: %b\r\nContent-Length: 2000\r\n\r\n" % ALICE.encode()
    unfinished = [await asyncio.open_connection(url.host, url.port) for _ in range(20)]
    for _, writer in unfinished:
        writer.write(head + b"[" * 1000)
    await gateway.reads("predictmq_in_flight_bytes 7000.0")
    async with client(gateway.url) as http:
        body = {"input": "x" * 1500}
        answer = await http.post("/predict", json=body, headers={"X-API-Key": BOB})
        assert answer.status_code == 200
        refused = await http.post("/predict", json=body, headers={"X-API-Key": ALICE})
        assert refused.status_code == 503
        assert "bytes of bodies are under way with this API key" in refused.json()["error"]
    for _, writer in unfinished:
        writer.close()
