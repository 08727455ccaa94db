"""Races of cancel and completion: the first one counts, at every gateway."""

import asyncio
from collections import Counter
from typing import Final

import httpx

from tests.support.harness.calls import accepted, client, final
from tests.support.harness.services import Cluster
from tests.support.models.scripted import SCRIPTED

RACES: Final = 500
AT_ONCE: Final = 10
STEP_S: Final = 0.003
MODEL_S: Final = 0.1
"""Longer than the way of a DELETE, which so arrives before or after the end of the model call."""
ENDS: Final = {204: 410, 409: 200}
"""The status of a DELETE → the status of every later GET."""


async def _cancel_near_the_end(
    asked: httpx.AsyncClient, other: httpx.AsyncClient, count: int
) -> dict[str, int]:
    """Cancel predictions close to their end; returns the statuses of the DELETEs by id."""
    answers: dict[str, int] = {}
    wait_s = MODEL_S
    for number in range(count):
        prediction_id = await accepted(asked, {"nonce": number, "sleep_s": MODEL_S})
        await asyncio.sleep(wait_s)
        status = (await other.delete(f"/predict/{prediction_id}")).status_code
        wait_s = wait_s + STEP_S if status == 204 else max(0.0, wait_s - STEP_S)
        for gateway in (other, asked):
            assert (await final(gateway, prediction_id)).status_code == ENDS[status]
        answers[prediction_id] = status
    return answers


async def test_500_races_of_cancel_and_completion_have_one_final_state_on_every_gateway(
    cluster: Cluster,
) -> None:
    one, other = (cluster.gateway(DEFAULT_MODEL="scripted") for _ in range(2))
    predictor = cluster.predictor(**SCRIPTED, PREDICTOR_CONCURRENCY=str(AT_ONCE))
    for service in (one, other, predictor):
        await service.ready()
    async with client(one.url) as a, client(other.url) as b:
        lanes = [(a, b) if lane % 2 else (b, a) for lane in range(AT_ONCE)]
        raced = await asyncio.gather(
            *(_cancel_near_the_end(*lane, RACES // AT_ONCE) for lane in lanes)
        )
        answers = {key: status for lane in raced for key, status in lane.items()}
        won = Counter(answers.values())
        assert won.total() == RACES
        assert min(won[204], won[409]) >= RACES // 10, f"these were no races: {won}"
        await final(a, await accepted(a, {"nonce": "the last"}))
        late = cluster.gateway()
        await late.ready()
        async with client(late.url) as c:
            for prediction_id, status in answers.items():
                for gateway in (a, b, c):
                    answer = await gateway.get(f"/predict/{prediction_id}")
                    assert answer.status_code == ENDS[status]
