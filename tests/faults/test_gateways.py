"""A killed or frozen gateway: the others respond, and it catches up before it is ready."""

import asyncio
from typing import Final

import httpx
import pytest

from tests.faults.harness.trial import Trial
from tests.support.harness.calls import final
from tests.support.harness.proxy import Fault, Proxy
from tests.support.harness.services import Service
from tests.support.harness.waiting import until

FROZEN_S: Final = 20.0
PADDING: Final = "x" * 20_000
"""An input too large for all events to fit into the socket of a frozen gateway."""


async def test_p1_p2_predictions_of_a_killed_gateway_are_answered_by_others_and_after_its_restart(
    trial: Trial,
) -> None:
    victim, other = trial.gateway(), trial.gateway()
    predictor = trial.predictor()
    await trial.begin()
    await asyncio.gather(*trial.start(20, is_async=True))
    predictor.kill()
    await asyncio.gather(*trial.start(20, is_async=True))
    victim.kill()
    for prediction_id in list(trial.ledger.accepted)[-20:]:
        answer = await trial.http(other).get(f"/predict/{prediction_id}")
        assert answer.status_code == 202, answer.text
    predictor.start()
    expected = await _finals(trial, other)
    victim.start()
    assert await _answers_once_ready(trial.http(victim), list(expected)) == expected
    await trial.check()


@pytest.mark.long
@pytest.mark.parametrize("connections", ["kept", "lost"])
async def test_p1_a_frozen_gateway_catches_up_before_it_is_ready(
    trial: Trial, connections: str
) -> None:
    trial.deadline_s = 2 * FROZEN_S
    async with Proxy(trial.broker.host, trial.broker.port) as proxy:
        frozen = trial.gateway(RABBITMQ_PORT=str(proxy.port))
        other = trial.gateway()
        trial.predictor()
        await trial.begin()
        asked = trial.http(frozen)
        await asyncio.gather(*trial.start(60, is_async=True, sleep_s=0.02, padding=PADDING))
        trial.start(4, sleep_s=1)
        await frozen.reads("predictmq_pending_calls 2.0")
        frozen.freeze()
        at_once = asyncio.create_task(asked.get("/readyz"))
        trial.start(4)
        if connections == "lost":
            proxy.inject(Fault.RESET)
        expected, _ = await asyncio.gather(_finals(trial, other), asyncio.sleep(FROZEN_S))
        frozen.thaw()
        assert (await at_once).json()["missing"] == ["journal caught up"]
        assert await _answers_once_ready(asked, list(expected)) == expected
        await trial.check(sync_endings=frozenset({200}))


async def _finals(trial: Trial, gateway: Service) -> dict[str, str]:
    """Return the final responses of a gateway for all predictions accepted so far."""
    http = trial.http(gateway)
    return {key: (await final(http, key, 60)).text for key in list(trial.ledger.accepted)}


async def _answers_once_ready(gateway: httpx.AsyncClient, ids: list[str]) -> dict[str, str]:
    """Return the first responses of a gateway for predictions, as soon as it is ready."""

    async def is_ready() -> bool:
        try:
            return (await gateway.get("/readyz")).status_code == 200
        except httpx.ConnectError:  # it does not listen yet
            return False

    await until(is_ready, lambda: "the gateway is ready")
    return {key: (await gateway.get(f"/predict/{key}")).text for key in ids}
