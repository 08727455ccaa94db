"""Server-Timing: the times that a prediction waited, ran and took in total."""

import asyncio
import time

import httpx

from tests.support.harness.calls import accepted, client, final
from tests.support.harness.services import Cluster
from tests.support.models.scripted import SCRIPTED


def _timing_ms(answer: httpx.Response) -> dict[str, float]:
    """Return the durations of a response by their names, in their order."""
    entries = (entry.split(";dur=") for entry in answer.headers["Server-Timing"].split(", "))
    return {name: float(duration) for name, duration in entries}


async def test_a_sync_response_has_the_times_that_its_request_waited_and_ran(
    cluster: Cluster,
) -> None:
    gateways = [cluster.gateway(DEFAULT_MODEL="scripted") for _ in range(2)]
    predictor = cluster.predictor(**SCRIPTED)
    for service in (*gateways, predictor):
        await service.ready()
    for gateway in gateways:
        async with client(gateway.url) as http:
            for then, status in [({}, 200), ({"then": "refuse"}, 422)]:
                started_s = time.monotonic()
                script = {"input": {"nonce": 1, "sleep_s": 0.2, **then}}
                answer = await http.post("/predict", json=script)
                took_ms = 1000 * (time.monotonic() - started_s)
                timing = _timing_ms(answer)
                assert answer.status_code == status
                assert list(timing) == ["queue", "model", "total"]
                assert 200 <= timing["model"] <= timing["total"] <= took_ms
                assert 0 <= timing["queue"] <= timing["total"] - timing["model"] + 0.2


async def test_a_request_behind_another_has_the_wait_in_its_times(cluster: Cluster) -> None:
    one, other = (cluster.gateway(DEFAULT_MODEL="scripted") for _ in range(2))
    predictor = cluster.predictor(**SCRIPTED)
    for service in (one, other, predictor):
        await service.ready()
    async with client(one.url) as a, client(other.url) as b:
        await accepted(a, {"nonce": "before", "sleep_s": 1})
        await predictor.reads("predictmq_model_calls_running 1.0")
        started_s = time.monotonic()
        prediction_id = await accepted(a, {"nonce": "behind", "sleep_s": 0.2})
        assert "Server-Timing" not in (await a.get(f"/predict/{prediction_id}")).headers
        answers = [await final(each, prediction_id) for each in (a, b)]
        took_ms = 1000 * (time.monotonic() - started_s)
    timing = _timing_ms(answers[0])
    assert _timing_ms(answers[1]) == timing
    assert timing["queue"] > 300
    assert timing["model"] >= 200
    assert timing["queue"] + timing["model"] - 0.2 <= timing["total"] <= took_ms


async def test_a_result_read_back_from_the_stream_has_its_times(cluster: Cluster) -> None:
    in_memory, in_stream = cluster.gateway(), cluster.gateway(GATEWAY_RESULT_CACHE_BYTES="0")
    predictor = cluster.predictor()
    for service in (in_memory, in_stream, predictor):
        await service.ready()
    async with client(in_memory.url) as a, client(in_stream.url) as b:
        prediction_id = await accepted(a, 1)
        remembered = _timing_ms(await final(a, prediction_id))
        assert _timing_ms(await final(b, prediction_id)) == remembered


async def test_a_call_that_no_predictor_answers_has_its_total_time(cluster: Cluster) -> None:
    gateway = cluster.gateway(DEFAULT_MODEL="scripted", GATEWAY_SYNC_TIMEOUT_S="1")
    predictor = cluster.predictor(**SCRIPTED)
    await gateway.ready()
    await predictor.ready()
    async with client(gateway.url) as http:
        late, refused, later = await asyncio.gather(
            http.post("/predict", json={"input": {"nonce": 1, "sleep_s": 5}}),
            http.post("/predict", json={"no": "input"}),
            http.post("/predict", json={"input": {"nonce": 2}}, headers={"Async-Mode": "true"}),
        )
    assert late.status_code == 504
    assert _timing_ms(late)["total"] >= 1000
    assert list(_timing_ms(refused)) == ["total"]
    assert "Server-Timing" not in later.headers
