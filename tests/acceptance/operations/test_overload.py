"""P7 and P10: bodies under way are bounded, and a body beyond the bound is refused at once."""

import asyncio

import httpx
import pytest

from tests.support.harness.calls import client
from tests.support.harness.services import Cluster
from tests.support.models.scripted import SCRIPTED


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


@pytest.mark.parametrize(
    ("framing", "counted"),
    [("Content-Length: 800", 800), ("Transfer-Encoding: chunked", 1000)],
)
async def test_a_body_is_counted_before_it_is_read(
    cluster: Cluster, framing: str, counted: int
) -> None:
    gateway = cluster.gateway(GATEWAY_MAX_IN_FLIGHT_BYTES="1000", GATEWAY_MAX_BODY_BYTES="1000")
    await gateway.ready()
    url = httpx.URL(gateway.url)
    _, writer = await asyncio.open_connection(url.host, url.port)
    head = (
        f"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n{framing}"
    )
    writer.write(head.encode() + b"\r\n\r\n")  # and not a byte of the body
    await gateway.reads(f"predictmq_in_flight_bytes {counted}.0")
    async with client(gateway.url) as http:
        refused = await http.post("/predict", json={"input": "x" * 300})
        assert refused.status_code == 503
    writer.close()
    await writer.wait_closed()
    await gateway.reads("predictmq_in_flight_bytes 0.0")
