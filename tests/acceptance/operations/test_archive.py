"""Results read back from the stream, with callers that leave meanwhile."""

import asyncio

import httpx

from tests.support.harness.calls import accepted, client, final
from tests.support.harness.services import Cluster


async def test_callers_that_leave_disturb_no_connection_to_the_broker(cluster: Cluster) -> None:
    gateway, predictor = cluster.gateway(GATEWAY_RESULT_CACHE_BYTES="0"), cluster.predictor()
    await gateway.ready()
    await predictor.ready()
    async with client(gateway.url) as http:
        prediction_id = await accepted(http, "kept")
        before = await final(http, prediction_id)
        assert before.status_code == 200
        for round_number in range(60):
            leaving = asyncio.create_task(_leave(gateway.url, prediction_id, round_number % 6))
            await leaving
        after = await http.get(f"/predict/{prediction_id}")
        assert after.text == before.text
        lines = (await http.get("/metrics")).text.splitlines()
    reconnects = [line for line in lines if line.startswith("predictmq_broker_reconnects_total")]
    assert reconnects
    assert all(line.endswith(" 0.0") for line in reconnects), reconnects


async def _leave(url: str, prediction_id: str, milliseconds: int) -> None:
    """Get a prediction and disconnect a few milliseconds later."""
    host, _, port = httpx.URL(url).netloc.decode().partition(":")
    _, writer = await asyncio.open_connection(host, int(port))
    writer.write(f"GET /predict/{prediction_id} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
    await writer.drain()
    await asyncio.sleep(milliseconds / 1000)
    writer.close()
    await writer.wait_closed()
