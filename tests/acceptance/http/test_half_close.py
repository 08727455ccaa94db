"""Callers on a raw socket that send no more: some wait for their answer, others have left."""

import asyncio
import json
from typing import Any

import httpx
import pytest

from tests.acceptance.http.test_cancel import LONG_S, ONE_CANCELLED, PROCESS
from tests.support.harness.services import Cluster, Service


async def _call(service: Service, **script: Any) -> tuple[asyncio.StreamReader, Any]:
    url = httpx.URL(service.url)
    reader, writer = await asyncio.open_connection(url.host, url.port)
    body = json.dumps({"input": script}).encode()
    head = b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    writer.write(head + b"Content-Length: %d\r\n\r\n" % len(body) + body)
    return reader, writer


@pytest.mark.parametrize("sleep_s", [0, 1])
async def test_a_caller_who_closes_its_sending_half_gets_its_answer(
    cluster: Cluster, sleep_s: int
) -> None:
    gateway, predictor = cluster.gateway(DEFAULT_MODEL="scripted"), cluster.predictor(**PROCESS)
    await gateway.ready()
    await predictor.ready()
    reader, writer = await _call(gateway, nonce=7, sleep_s=sleep_s)
    writer.write_eof()
    answer = await asyncio.wait_for(reader.read(), 20)
    writer.close()
    final = answer[answer.index(b"HTTP/1.1 200") :]
    assert json.loads(final.partition(b"\r\n\r\n")[2])["result"] == 7
    assert answer.count(b"HTTP/1.1 100 Continue\r\n\r\n") == 2 * sleep_s


async def test_a_caller_who_closes_both_halves_cancels_its_prediction(cluster: Cluster) -> None:
    gateway, predictor = cluster.gateway(DEFAULT_MODEL="scripted"), cluster.predictor(**PROCESS)
    await gateway.ready()
    await predictor.ready()
    _, writer = await _call(gateway, nonce=1, sleep_s=LONG_S)
    await predictor.reads("predictmq_model_calls_running 1.0")
    writer.close()
    await predictor.reads(ONE_CANCELLED)
    await gateway.reads("predictmq_pending_calls 0.0")
