"""The predictor of docs/amqp.md: a textbook replier that does not announce itself."""

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Final

import httpx
import pytest

from predictmq.local.rabbitmq.broker import PrivateBroker
from tests.support.harness.calls import accepted, client, final
from tests.support.harness.pages import blocks_of
from tests.support.harness.services import ROOT, Cluster
from tests.support.harness.waiting import until

MOMENT_S: Final = 5.0

Start = Callable[[str], subprocess.Popen[bytes]]


@pytest.fixture
def start(broker: PrivateBroker, vhost: str, tmp_path: Path) -> Iterator[Start]:
    """A function that starts the replier for a model; it is killed after the test."""
    page = (ROOT / "docs" / "amqp.md").read_text()
    (block,) = [block for block in blocks_of(page) if block.word == "replier.py"]
    (tmp_path / "replier.py").write_text(block.text)
    address = f"amqp://{broker.user}:{broker.password}@{broker.host}:{broker.port}/{vhost}"
    running: list[subprocess.Popen[bytes]] = []

    def start_one(model: str) -> subprocess.Popen[bytes]:
        running.append(
            subprocess.Popen([sys.executable, str(tmp_path / "replier.py"), model, address])
        )
        return running[-1]

    yield start_one
    for replier in running:
        replier.kill()
        replier.wait()


async def serves(http: httpx.AsyncClient, path: str, status: int = 200) -> bool:
    """Return whether a sync call ends with ``status``."""
    return (await http.post(path, json={"input": 21})).status_code == status


@pytest.mark.parametrize(
    ("default", "path"), [("doubler", "/predict"), ("demo", "/models/doubler/predict")]
)
async def test_a_predictor_that_does_not_announce_itself_is_served_sync_and_async(
    cluster: Cluster, start: Start, default: str, path: str
) -> None:
    gateway = cluster.gateway(DEFAULT_MODEL=default)
    await gateway.ready()
    async with client(gateway.url) as http:
        start("doubler")
        await until(partial(serves, http, path), lambda: f"it serves\n{gateway.log}")
        answer = await http.post(path, json={"input": 21})
        assert answer.json() == {"input": 21, "result": 42}
        refused = await http.post(path, json={"input": "x"})
        assert (refused.status_code, refused.json()["error"]) == (422, "Send a number.")
        prediction_id = await accepted(http, 4, path)
        assert (await final(http, prediction_id)).json()["output"] == {"input": 4, "result": 8}
        failing_id = await accepted(http, "x", path)
        assert (await final(http, failing_id)).status_code == 422
        assert (await http.get("/models")).json() == {"models": []}


async def test_a_model_that_others_have_announced_is_served_by_a_predictor_that_does_not(
    cluster: Cluster, start: Start
) -> None:
    gateway, announced = cluster.gateway(GATEWAY_SYNC_TIMEOUT_S="2"), cluster.predictor()
    await gateway.ready()
    await announced.ready()
    async with client(gateway.url) as http:
        await until(partial(serves, http, "/predict"), lambda: "the announced one serves")
        announced.terminate()
        assert await announced.exit_code(timeout_s=10) == 0
        await until(partial(serves, http, "/predict", 503), lambda: "none serves")
        replier = start("demo")
        await until(partial(serves, http, "/predict"), lambda: "the replier serves")
        assert (await http.post("/predict", json={"input": 21})).json()["result"] == 42
        replier.kill()
        replier.wait()
        await until(partial(serves, http, "/predict", 503), lambda: "it is gone", MOMENT_S)


async def test_a_result_that_is_no_json_is_a_failure_of_the_model(
    cluster: Cluster, start: Start
) -> None:
    gateway = cluster.gateway(DEFAULT_MODEL="doubler")
    await gateway.ready()
    async with client(gateway.url) as http:
        start("doubler")
        await until(partial(serves, http, "/predict"), lambda: "it serves")
        too_large_to_double = 1e308  # Python's json then writes Infinity
        answers = [
            await http.post("/predict", json={"input": too_large_to_double}),
            await final(http, await accepted(http, too_large_to_double)),
        ]
    for answer in answers:
        assert answer.status_code == 500
        assert "a result that is no JSON" in answer.json()["error"]


async def test_calls_of_a_replier_that_stands_still_end_by_their_deadlines(
    cluster: Cluster, start: Start
) -> None:
    gateway = cluster.gateway(GATEWAY_SYNC_TIMEOUT_S="2")
    await gateway.ready()
    async with client(gateway.url) as http:
        replier = start("demo")
        await until(partial(serves, http, "/predict"), lambda: "it serves")
        replier.send_signal(signal.SIGSTOP)
        answer = await http.post("/predict", json={"input": 1}, timeout=3)
        assert answer.status_code == 504
        prediction_id = await accepted(http, 1)
        assert (await http.delete(f"/predict/{prediction_id}")).status_code == 204
        replier.send_signal(signal.SIGCONT)
        await until(partial(serves, http, "/predict"), lambda: "it serves again")
        assert (await http.get(f"/predict/{prediction_id}")).status_code == 410
