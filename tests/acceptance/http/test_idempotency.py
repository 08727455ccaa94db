"""One prediction for each idempotency key, at any gateway and at any time of its life."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from predictmq.local.rabbitmq.broker import PrivateBroker
from tests.support.harness.calls import ASYNC, client, final
from tests.support.harness.services import Cluster, Service
from tests.support.harness.waiting import until
from tests.support.models.scripted import SCRIPTED

SCRIPTED_HERE: Final = {"DEFAULT_MODEL": "scripted"}
TOGETHER: Final = 200
NUMBERS: Final = itertools.count()


def new_key() -> str:
    """Return a key that no test has used."""
    return f"key {next(NUMBERS)}"


@dataclass(frozen=True)
class Running:
    """Two gateways, a predictor, and a file with a line for each execution of the model."""

    gateways: tuple[Service, Service]
    runs_file: Path

    def runs(self, nonce: str) -> int:
        """Return the number of executions of the model on an input."""
        return self.runs_file.read_text().splitlines().count(nonce)


@pytest.fixture(scope="module")
def running(broker: PrivateBroker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    directory = tmp_path_factory.mktemp("idempotency")
    runs_file = directory / "runs"
    runs_file.touch()
    with Cluster(broker, directory) as cluster:
        gateways = cluster.gateway(**SCRIPTED_HERE), cluster.gateway(**SCRIPTED_HERE)
        predictor = cluster.predictor(**SCRIPTED, RUNS_FILE=str(runs_file))
        for service in (*gateways, predictor):
            asyncio.run(service.ready())
        yield Running(gateways, runs_file)


@pytest.fixture
async def one(running: Running) -> AsyncIterator[httpx.AsyncClient]:
    """A gateway."""
    async with client(running.gateways[0].url) as http:
        yield http


@pytest.fixture
async def other(running: Running) -> AsyncIterator[httpx.AsyncClient]:
    """Another gateway."""
    async with client(running.gateways[1].url) as http:
        yield http


async def post(
    gateway: httpx.AsyncClient,
    key: str,
    nonce: str,
    *,
    is_async: bool = False,
    path: str = "/predict",
    **script: Any,
) -> httpx.Response:
    """Make a call with a key."""
    headers = {"Idempotency-Key": key} | (ASYNC if is_async else {})
    body = {"input": {"nonce": nonce} | script}
    return await gateway.post(path, json=body, headers=headers)


async def test_200_calls_at_once_with_one_key_at_two_gateways_have_one_prediction(
    running: Running, one: httpx.AsyncClient, other: httpx.AsyncClient
) -> None:
    key = new_key()
    answers = await asyncio.gather(
        *(
            post((one, other)[number % 2], key, key, is_async=number % 4 >= 2)
            for number in range(TOGETHER)
        )
    )
    sync = [answer for answer in answers if answer.status_code == 200]
    later = [answer for answer in answers if answer.status_code == 202]
    assert (len(sync), len(later)) == (TOGETHER // 2, TOGETHER // 2), set(map(str, answers))
    assert {answer.json()["result"] for answer in sync} == {key}
    (prediction_id,) = {answer.json()["prediction_id"] for answer in later}
    for gateway in (one, other):
        assert (await final(gateway, prediction_id)).json()["output"] == sync[0].json()
    assert running.runs(key) == 1


async def test_a_key_at_two_gateways_in_the_same_moment_gets_one_id(
    running: Running, one: httpx.AsyncClient, other: httpx.AsyncClient
) -> None:
    keys = [new_key() for _ in range(50)]
    for key in keys:
        answers = await asyncio.gather(
            *(post(gateway, key, key, is_async=True) for gateway in (one, other))
        )
        assert [answer.status_code for answer in answers] == [202, 202]
        assert len({answer.json()["prediction_id"] for answer in answers}) == 1
        await final(one, answers[0].json()["prediction_id"])
    assert [running.runs(key) for key in keys] == [1] * len(keys)


async def test_a_key_returns_its_result_to_every_later_call(
    running: Running, one: httpx.AsyncClient, other: httpx.AsyncClient
) -> None:
    key = new_key()
    accepted = await post(one, key, key, is_async=True)
    first = await final(one, accepted.json()["prediction_id"])
    for gateway in (one, other):
        again = await post(gateway, key, key, is_async=True)
        assert (again.status_code, again.text) == (202, accepted.text)
        assert again.headers["location"] == accepted.headers["location"]
        at_once = await post(gateway, key, key)
        assert (at_once.status_code, at_once.json()) == (200, first.json()["output"])
    assert running.runs(key) == 1


@pytest.mark.parametrize(
    ("then", "status"), [("refuse", 422), ("raise", 500)], ids=["refused", "failed"]
)
async def test_a_key_returns_its_failure_to_every_later_call(
    running: Running, one: httpx.AsyncClient, other: httpx.AsyncClient, then: str, status: int
) -> None:
    key = new_key()
    answers = [await post(gateway, key, key, then=then) for gateway in (one, one, other)]
    assert [answer.status_code for answer in answers] == [status] * 3
    assert len({answer.text for answer in answers}) == 1
    assert running.runs(key) == 1


@pytest.mark.parametrize("is_async", [False, True])
async def test_a_key_with_another_body_or_model_is_refused_and_keeps_its_prediction(
    running: Running, one: httpx.AsyncClient, other: httpx.AsyncClient, is_async: bool
) -> None:
    key = new_key()
    first = await post(one, key, key)
    for gateway in (one, other):
        for another in ({"nonce": "another"}, {"nonce": key, "path": "/models/demo/predict"}):
            refused = await post(gateway, key, is_async=is_async, **another)
            assert refused.status_code == 422
            assert refused.json() == {
                "error": "This Idempotency-Key was used for another model or another body."
            }
        assert (await post(gateway, key, key, path="/models/scripted/predict")).text == first.text
    assert (running.runs(key), running.runs("another")) == (1, 0)


async def test_a_key_with_two_bodies_at_the_same_time_accepts_one_of_them(
    running: Running, one: httpx.AsyncClient, other: httpx.AsyncClient
) -> None:
    key, nonces = new_key(), [new_key(), new_key()]
    answers = await asyncio.gather(
        *(
            post(gateway, key, nonce)
            for _ in range(10)
            for gateway in (one, other)
            for nonce in nonces
        )
    )
    by_nonce = [{answer.status_code for answer in answers[n::2]} for n in (0, 1)]
    assert sorted(by_nonce, key=min) == [{200}, {422}]
    assert sorted(map(running.runs, nonces)) == [0, 1]


async def test_a_call_after_its_deadline_finds_its_prediction_by_its_key(
    cluster: Cluster, tmp_path: Path
) -> None:
    runs, go_on, key = tmp_path / "runs", tmp_path / "go on", new_key()
    gateway = cluster.gateway(**SCRIPTED_HERE, GATEWAY_SYNC_TIMEOUT_S="1")
    predictor = cluster.predictor(**SCRIPTED, RUNS_FILE=str(runs))
    await gateway.ready()
    await predictor.ready()
    async with client(gateway.url) as http:
        assert (await post(http, key, key, until=str(go_on))).status_code == 504
        go_on.touch()
        accepted = await post(http, key, key, is_async=True, until=str(go_on))
        await final(http, accepted.json()["prediction_id"])
        assert (await post(http, key, key, until=str(go_on))).json()["result"] == key
    assert runs.read_text() == f"{key}\n"


async def test_a_caller_who_left_finds_the_prediction_by_its_key(
    running: Running, one: httpx.AsyncClient, other: httpx.AsyncClient, tmp_path: Path
) -> None:
    key, go_on = new_key(), tmp_path / "go on"
    leaving = asyncio.create_task(post(one, key, key, until=str(go_on)))

    async def is_running() -> bool:
        return running.runs(key) == 1

    await until(is_running, lambda: "the model runs")
    leaving.cancel()
    await asyncio.wait((leaving,))
    go_on.touch()
    for gateway in (other, one):
        assert (await post(gateway, key, key, until=str(go_on))).json()["result"] == key
    assert running.runs(key) == 1


async def test_a_gateway_that_ends_responds_to_callers_with_a_key_first(
    cluster: Cluster, tmp_path: Path
) -> None:
    go_on, key = tmp_path / "go on", new_key()
    gateway, predictor = cluster.gateway(**SCRIPTED_HERE), cluster.predictor(**SCRIPTED)
    await gateway.ready()
    await predictor.ready()
    async with client(gateway.url) as http:
        waiting = asyncio.create_task(post(http, key, key, until=str(go_on)))
        await predictor.reads("predictmq_model_calls_running 1.0")
        gateway.terminate()
        await gateway.shows("/readyz", 503)
        go_on.touch()
        assert (await waiting).json()["result"] == key
    assert await gateway.exit_code(10) == 0


async def test_calls_without_a_key_or_with_different_ones_have_different_predictions(
    running: Running, one: httpx.AsyncClient
) -> None:
    nonce = new_key()
    body = {"input": {"nonce": nonce}}
    await asyncio.gather(
        one.post("/predict", json=body),
        one.post("/predict", json=body),
        post(one, new_key(), nonce),
        post(one, new_key(), nonce),
    )
    assert running.runs(nonce) == 4


async def test_a_key_may_be_written_in_quotes(running: Running, one: httpx.AsyncClient) -> None:
    key = new_key()
    plain, quoted = await post(one, key, key), await post(one, f'"{key}"', key)
    assert (plain.status_code, plain.text) == (quoted.status_code, quoted.text)
    assert running.runs(key) == 1


@pytest.mark.parametrize("malformed", ["", '""', '"a', "k" * 256, "clé", "a\tb"])
async def test_a_malformed_key_is_refused(one: httpx.AsyncClient, malformed: str) -> None:
    headers = httpx.Headers({"Idempotency-Key": malformed}, encoding="utf-8")
    answer = await one.post("/predict", json={"input": {"nonce": 1}}, headers=headers)
    assert (answer.status_code, answer.json()) == (
        400,
        {"error": "Idempotency-Key has to be one key of 1 to 255 printable ASCII characters."},
    )


async def test_a_restarted_gateway_knows_the_keys(cluster: Cluster, tmp_path: Path) -> None:
    runs, key = tmp_path / "runs", new_key()
    gateway = cluster.gateway(**SCRIPTED_HERE)
    predictor = cluster.predictor(**SCRIPTED, RUNS_FILE=str(runs))
    await gateway.ready()
    await predictor.ready()
    async with client(gateway.url) as http:
        first = await post(http, key, key)
    gateway.kill()
    gateway.start()
    new = cluster.gateway(**SCRIPTED_HERE)
    for restarted in (gateway, new):
        await restarted.ready()
        async with client(restarted.url) as http:
            assert (await post(http, key, key)).text == first.text
            assert (await post(http, key, "another")).status_code == 422
            assert "predictmq_idempotency_keys 1.0\n" in (await http.get("/metrics")).text
    assert runs.read_text() == f"{key}\n"


async def test_a_key_ends_with_the_life_of_its_prediction(cluster: Cluster, tmp_path: Path) -> None:
    runs, key = tmp_path / "runs", new_key()
    lives = {"GATEWAY_ASYNC_DEADLINE_S": "2", "GATEWAY_RESULT_TTL_S": "1"}
    one, other = (cluster.gateway(**SCRIPTED_HERE, **lives) for _ in range(2))
    predictor = cluster.predictor(**SCRIPTED, RUNS_FILE=str(runs))
    for service in (one, other, predictor):
        await service.ready()
    async with client(one.url) as a, client(other.url) as b:
        first = await post(a, key, key, is_async=True)
        await one.shows(first.headers["location"], 404, timeout_s=10)
        second, again = [await post(each, key, "another", is_async=True) for each in (a, b)]
        assert second.status_code == 202
        assert second.text == again.text != first.text
        await final(b, second.json()["prediction_id"])
    assert runs.read_text() == f"{key}\nanother\n"


async def test_a_refused_call_with_a_key_succeeds_when_it_is_retried(cluster: Cluster) -> None:
    one, other = cluster.gateway(), cluster.gateway()
    await one.ready()
    await other.ready()
    key, path = new_key(), "/models/scripted/predict"
    async with client(one.url) as a, client(other.url) as b:
        unknown = await post(a, key, key, is_async=True, path=path)
        assert unknown.status_code == 404
        predictor = cluster.predictor(**SCRIPTED)
        await predictor.ready()
        answers = [await post(each, key, key, path=path) for each in (b, a)]
        assert [answer.json()["result"] for answer in answers] == [key, key]


async def test_the_same_key_of_two_owners_has_two_predictions(cluster: Cluster) -> None:
    names = {"GATEWAY_API_KEYS": "alice=the-key-of-alice,bob=the-key-of-bob-1"}
    one, other = (cluster.gateway(**SCRIPTED_HERE, **names) for _ in range(2))
    predictor = cluster.predictor(**SCRIPTED)
    for service in (one, other, predictor):
        await service.ready()
    async with client(one.url) as a, client(other.url) as b:
        for gateway, name, key in (
            (a, "alice", "the-key-of-alice"),
            (b, "bob", "the-key-of-bob-1"),
        ):
            gateway.headers["X-API-Key"] = key
            assert (await post(gateway, "the same", name)).json()["result"] == name
        a.headers["X-API-Key"] = "the-key-of-bob-1"
        assert (await post(a, "the same", "bob")).json()["result"] == "bob"
        assert (await post(a, "the same", "alice")).status_code == 422
