"""P1: any gateway answers for any id, for as long as its life lasts."""

import re

from tests.support.harness.calls import accepted, client, final
from tests.support.harness.services import Cluster


async def test_another_gateway_knows_an_id_at_once_and_has_the_same_response(
    cluster: Cluster,
) -> None:
    one, other = cluster.gateway(), cluster.gateway()
    await one.ready()
    await other.ready()
    async with client(one.url) as a, client(other.url) as b:
        for number in range(50):
            prediction_id = await accepted(a, number)
            answer = await b.get(f"/predict/{prediction_id}")
            assert (answer.status_code, answer.json()) == (
                202,
                {"error": "Prediction is still being processed."},
            )
        predictor = cluster.predictor()
        await predictor.ready()
        from_b, from_a = await final(b, prediction_id), await final(a, prediction_id)
        assert from_b.status_code == 200
        assert from_a.text == from_b.text


async def test_gateways_with_different_secrets_do_not_know_each_others_ids(
    cluster: Cluster,
) -> None:
    one, other = cluster.gateway(), cluster.gateway(GATEWAY_ID_SECRET="another")
    await one.ready()
    await other.ready()
    async with client(one.url) as a, client(other.url) as b:
        prediction_id = await accepted(a, 1)
        assert (await b.get(f"/predict/{prediction_id}")).status_code == 404


async def test_a_result_ends_with_its_life(cluster: Cluster) -> None:
    gateway = cluster.gateway(GATEWAY_ASYNC_DEADLINE_S="1", GATEWAY_RESULT_TTL_S="2")
    predictor = cluster.predictor()
    await gateway.ready()
    await predictor.ready()
    async with client(gateway.url) as http:
        prediction_id = await accepted(http, 1)
        assert (await final(http, prediction_id)).status_code == 200
        await gateway.shows(f"/predict/{prediction_id}", 404, timeout_s=10)


async def test_dropped_bodies_are_read_back_from_the_stream(cluster: Cluster) -> None:
    gateway = cluster.gateway(GATEWAY_RESULT_CACHE_BYTES="100000")
    predictor = cluster.predictor(PREDICTOR_CONCURRENCY="8")
    await gateway.ready()
    await predictor.ready()
    async with client(gateway.url) as http:
        values = [f"{number:04d}" * 250 for number in range(1000)]
        ids = [await accepted(http, value) for value in values]
        await final(http, ids[-1])
        for value, prediction_id in zip(values, ids, strict=True):
            answer = await final(http, prediction_id)
            assert answer.json()["output"]["input"] == value
        metrics = (await http.get("/metrics")).text
    in_stream = re.search(r'^predictmq_results\{body="stream"\} (.*)$', metrics, re.MULTILINE)
    assert in_stream
    assert 900 < float(in_stream[1]) < 1000
