"""Overload: calls are refused at once, and accepted ones are served (P7, P10)."""

import asyncio
import time
from typing import Final
from uuid import uuid4

import httpx
import msgspec
import pytest

from tests.faults.harness.descriptors import descriptors_limited_to
from tests.faults.harness.footprint import memory_bytes
from tests.faults.harness.ledger import Call
from tests.faults.harness.stranger import LANES
from tests.faults.harness.trial import Trial
from tests.support.harness.broker.raw import raw_channel
from tests.support.harness.services import Service

PROMPT_S: Final = 5.0
"""The longest time of a refusal on a busy machine; a call that waited would take its deadline."""

AT_ONCE: Final = 2000
MAX_IN_FLIGHT: Final = 500
MAX_GROWTH_BYTES: Final = 200_000_000
"""The most memory that ``AT_ONCE`` connections may cost."""

HEAD: Final = (
    b"POST /predict HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
    b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n"
)

AGAIN_BYTES: Final = 30_000_000
"""The most that a second burst may take in addition: memory is reused, not lost."""


def _refused(calls: list[Call]) -> list[Call]:
    return [call for call in calls if call.status == 503]


def _assert_prompt(refused: list[Call]) -> None:
    assert refused
    assert max(call.took_s for call in refused) < PROMPT_S


async def test_p7_a_full_queue_refuses_calls_at_once_and_accepted_ones_are_answered(
    trial: Trial,
) -> None:
    limit = '{"max-length": 2}'
    lanes = r"^predictions\..*\.(sync|async)$"
    policy = ("set_policy", "--vhost", trial.vhost, "small", lanes, limit)
    await asyncio.to_thread(trial.broker.ctl, *policy)
    trial.gateway(), trial.gateway()
    predictor = trial.predictor()
    await trial.begin()
    await asyncio.gather(*trial.start(1, is_async=True, sleep_s=5))
    await predictor.reads("predictmq_prefetch 0.0")
    for is_async in (True, False):
        calls = trial.start(40, is_async=is_async)
        done, _ = await asyncio.wait(calls, timeout=PROMPT_S)
        _assert_prompt(_refused([call.result() for call in done]))
    await trial.check(sync_endings=frozenset({200, 503}))
    sentences = {call.answer["error"] for call in _refused(trial.ledger.calls)}
    assert sentences == {"The queue is full."}


@pytest.mark.parametrize("is_async", [False, True])
async def test_p7_calls_for_a_deleted_queue_are_refused_at_once_until_it_is_declared_again(
    trial: Trial, is_async: bool
) -> None:
    trial.gateway()
    predictor = trial.predictor()
    await trial.begin()
    predictor.kill()
    async with raw_channel(trial.broker, trial.vhost) as channel:
        for lane in LANES:
            await channel.queue_delete(lane)
    calls = trial.start(10, is_async=is_async)
    # The first is refused, and has the gateway make the queue again, for those that come later.
    done, _ = await asyncio.wait(calls, return_when=asyncio.FIRST_COMPLETED)
    _assert_prompt(_refused([call.result() for call in done]))
    predictor.start()
    await trial.check(sync_endings=frozenset({200, 503}))


async def test_p7_a_call_beyond_the_limit_is_refused_at_once(trial: Trial) -> None:
    gateway = trial.gateway(GATEWAY_MAX_IN_FLIGHT="4")
    trial.predictor(PREDICTOR_CONCURRENCY="4")
    await trial.begin()
    accepted = trial.start(4, sleep_s=2)
    await gateway.reads("predictmq_pending_calls 4.0")
    (too_many,) = await asyncio.gather(*trial.start(1))
    assert too_many.answer == {"error": "Too many predictions are under way; try again later."}
    _assert_prompt([too_many])
    assert not any(call.done() for call in accepted)
    await trial.check()
    assert [call.result().status for call in accepted] == [200] * 4


@pytest.mark.long
async def test_p7_p10_2000_connections_at_once_are_answered_or_refused_in_bounded_memory(
    trial: Trial,
) -> None:
    trial.deadline_s = 60.0
    with descriptors_limited_to(1024):  # as many shells have it
        gateway = trial.gateway(GATEWAY_MAX_IN_FLIGHT=str(MAX_IN_FLIGHT))
    trial.predictor(PREDICTOR_CONCURRENCY="4")
    await trial.begin()
    before_bytes = await memory_bytes(gateway)
    with descriptors_limited_to(None):
        peaks_bytes = [await _peak_of_a_burst(trial, gateway) for _ in range(2)]
        await trial.check(sync_endings=frozenset({200, 503}))
    first, second = (peak - before_bytes for peak in peaks_bytes)
    assert first < MAX_GROWTH_BYTES
    assert second < first + AGAIN_BYTES
    assert await memory_bytes(gateway) - before_bytes < second + AGAIN_BYTES


async def _peak_of_a_burst(trial: Trial, gateway: Service) -> float:
    """Make ``AT_ONCE`` calls at once; returns the peak memory of the gateway."""
    url = httpx.URL(gateway.url)
    connections = [await asyncio.open_connection(url.host, url.port) for _ in range(AT_ONCE)]
    calls = asyncio.gather(*(_call_over(*connection) for connection in connections))
    peak_bytes = 0.0
    while not calls.done():
        peak_bytes = max(peak_bytes, await memory_bytes(gateway))
        await asyncio.wait((calls,), timeout=0.2)
    ended = await calls
    trial.ledger.calls += ended
    statuses = [call.status for call in ended]
    assert set(statuses) == {200, 503}
    assert statuses.count(200) >= MAX_IN_FLIGHT
    return peak_bytes


async def _call_over(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Call:
    """Make a call without httpx, which would keep this process busier than the gateway."""
    nonce = f"burst-{uuid4()}"
    body = msgspec.json.encode({"input": {"nonce": nonce, "sleep_s": 0.01}})
    started_s = time.monotonic()
    writer.write(HEAD % len(body) + body)
    head, _, text = (await reader.read()).partition(b"\r\n\r\n")
    took_s = time.monotonic() - started_s
    writer.close()
    status_line, *headers = head.decode().lower().split("\r\n")
    status = int(status_line.split()[1])
    retry_after = "".join(line for line in headers if line.startswith("retry-after:"))
    return Call(nonce, False, took_s, status, msgspec.json.decode(text), "", retry_after)
