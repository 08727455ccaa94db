"""Keys, ownership, rates and origins, over two gateways."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest

from predictmq.local.rabbitmq.broker import PrivateBroker
from tests.support.harness.calls import ASYNC, accepted, client, final
from tests.support.harness.services import Cluster, Service
from tests.support.models.scripted import SCRIPTED

ALICE, ALICE_TOO, BOB = "alice-key-of-today", "alice-key-of-yesterday", "bob-key-of-today"
KEYS = {"GATEWAY_API_KEYS": f"alice={ALICE},alice={ALICE_TOO},bob={BOB}"}
ORIGIN = "https://app.example"
MODELS = {"PREDICTOR_MODEL": f"demo,{SCRIPTED['PREDICTOR_MODEL']}"}

Gateways = tuple[httpx.AsyncClient, httpx.AsyncClient]


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


@pytest.fixture(scope="module")
def services(
    broker: PrivateBroker, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Service, Service]]:
    with Cluster(broker, tmp_path_factory.mktemp("access")) as cluster:
        settings = KEYS | {"GATEWAY_CORS_ORIGINS": ORIGIN}
        one, other = cluster.gateway(**settings), cluster.gateway(**settings)
        predictor = cluster.predictor(**MODELS)
        for service in (one, other, predictor):
            asyncio.run(service.ready())
        yield one, other


@pytest.fixture
async def gateways(services: tuple[Service, Service]) -> AsyncIterator[Gateways]:
    one, other = services
    async with client(one.url) as a, client(other.url) as b:
        yield a, b


async def test_a_finished_prediction_is_404_for_another_owner_on_every_gateway(
    gateways: Gateways,
) -> None:
    here, there = gateways
    here.headers.update(bearer(ALICE))
    prediction_id = await accepted(here, 1)
    assert (await final(here, prediction_id)).status_code == 200
    there.headers.update(bearer(ALICE_TOO))  # another key, but the same name
    assert (await final(there, prediction_id)).status_code == 200
    for gateway in gateways:
        answer = await gateway.get(f"/predict/{prediction_id}", headers=bearer(BOB))
        assert (answer.status_code, answer.text) == (404, '{"error": "Prediction ID not found."}')


async def test_a_pending_prediction_is_404_for_another_owner(gateways: Gateways) -> None:
    here, there = gateways
    posted = await here.post(
        "/models/scripted/predict",
        json={"input": {"nonce": 1, "sleep_s": 2}},
        headers=ASYNC | bearer(ALICE),
    )
    url = posted.headers["location"]
    assert (await there.get(url, headers=bearer(ALICE))).status_code == 202
    assert (await there.get(url, headers=bearer(BOB))).status_code == 404


async def test_events_of_a_prediction_are_sent_to_its_owner_only(gateways: Gateways) -> None:
    here, there = gateways
    here.headers.update(bearer(ALICE))
    url = f"/predict/{await accepted(here, 1)}"
    events = {"Accept": "text/event-stream"}
    theirs = await there.get(url, headers=events | bearer(ALICE))
    assert theirs.status_code == 200
    assert "event: succeeded" in theirs.text
    assert (await there.get(url, headers=events | bearer(BOB))).status_code == 404


@pytest.mark.parametrize(
    "headers", [{}, bearer("unknown"), {"X-API-Key": "unknown"}, {"Authorization": f"Basic {BOB}"}]
)
async def test_a_call_without_a_valid_key_gets_401_everywhere_but_on_health_routes(
    gateways: Gateways, headers: dict[str, str]
) -> None:
    for gateway in gateways:
        posted = await gateway.post("/predict", json={"input": 1}, headers=headers)
        for answer in (
            posted,
            await gateway.get("/predict/x", headers=headers),
            await gateway.get("/models", headers=headers),
        ):
            assert answer.status_code == 401
            assert answer.headers["www-authenticate"] == "Bearer"
            assert "Authorization: Bearer" in answer.json()["error"]
        for path in ("/livez", "/readyz", "/metrics"):
            assert (await gateway.get(path, headers=headers)).status_code == 200


async def test_a_key_is_accepted_on_every_route_in_either_header(gateways: Gateways) -> None:
    for gateway in gateways:
        for headers in (bearer(BOB), {"X-API-Key": BOB}):
            sync = await gateway.post("/predict", json={"input": 1}, headers=headers)
            assert sync.status_code == 200
            assert (await gateway.get("/models", headers=headers)).status_code == 200


async def test_a_call_without_a_key_gets_401_before_the_size_of_its_body_is_checked(
    gateways: Gateways,
) -> None:
    here, _ = gateways
    for mebibytes in (2, 8, 20):
        answer = await here.post("/predict", content=b"x" * (mebibytes * 2**20))
        assert answer.status_code == 401, mebibytes


async def test_a_cors_preflight_needs_no_key_and_the_call_after_it_does(gateways: Gateways) -> None:
    asked = {
        "Origin": ORIGIN,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type,async-mode",
    }
    for gateway in gateways:
        preflight = await gateway.options("/predict", headers=asked)
        assert preflight.status_code == 200
        assert preflight.headers["access-control-allow-origin"] == ORIGIN
        headers = ASYNC | bearer(ALICE) | {"Origin": ORIGIN}
        posted = await gateway.post("/predict", json={"input": 1}, headers=headers)
        assert posted.status_code == 202
        assert posted.headers["access-control-allow-origin"] == ORIGIN
        exposed = posted.headers["access-control-expose-headers"].lower()
        assert "location" in exposed
        assert "retry-after" in exposed


async def test_a_key_is_never_logged(services: tuple[Service, Service], gateways: Gateways) -> None:
    for service, gateway in zip(services, gateways, strict=True):
        await gateway.post("/predict", content=b"{", headers=bearer(BOB))
        refused = await gateway.get("/nowhere", headers=bearer("bob-keyy"))
        await service.logs(refused.headers["correlation-id"])
    for service in services:
        assert not [key for key in (ALICE, ALICE_TOO, BOB) if key in service.log]


async def test_a_restarted_gateway_knows_the_owners_of_replayed_results(cluster: Cluster) -> None:
    one, other = cluster.gateway(**KEYS), cluster.gateway(**KEYS)
    predictor = cluster.predictor()
    for service in (one, other, predictor):
        await service.ready()
    async with client(one.url) as http:
        http.headers.update(bearer(ALICE))
        prediction_id = await accepted(http, 1)
        assert (await final(http, prediction_id)).status_code == 200
        other.kill()
        other.start()
        await other.ready()
    async with client(other.url) as http:
        url = f"/predict/{prediction_id}"
        assert (await http.get(url, headers=bearer(ALICE))).status_code == 200
        assert (await http.get(url, headers=bearer(BOB))).status_code == 404


async def test_a_rate_limit_counts_calls_on_each_gateway_separately(cluster: Cluster) -> None:
    limited = KEYS | {"GATEWAY_RATE_LIMIT": "2/hour"}
    one, other = cluster.gateway(**limited), cluster.gateway(**limited)
    predictor = cluster.predictor()
    for service in (one, other, predictor):
        await service.ready()
    async with client(one.url) as a, client(other.url) as b:
        for gateway in (a, b):
            statuses = [
                (await gateway.post("/predict", json={"input": 1}, headers=headers)).status_code
                for headers in (bearer(ALICE), bearer(ALICE_TOO), bearer(ALICE), bearer(BOB))
            ]
            assert statuses == [200, 200, 429, 200]
        refused = await a.post("/predict", content=b"x" * 8 * 2**20, headers=bearer(ALICE))
        assert refused.status_code == 429
        assert int(refused.headers["retry-after"]) >= 1
        assert refused.json()["error"].startswith("Too many calls; try again in ")
        assert (await a.get("/readyz")).status_code == 200


@pytest.mark.parametrize("keys", ["hunter2", "alice=hunter2,bob=hunter2", "alice=hunter2,"])
async def test_malformed_keys_end_the_start_and_are_not_logged(cluster: Cluster, keys: str) -> None:
    gateway = cluster.gateway(
        GATEWAY_API_KEYS=keys, GATEWAY_RATE_LIMIT="often", GATEWAY_CORS_ORIGINS="app"
    )
    assert await gateway.exit_code(timeout_s=20) == 2
    (sentence,) = gateway.log.splitlines()
    for name in ("GATEWAY_API_KEYS", "GATEWAY_RATE_LIMIT", "GATEWAY_CORS_ORIGINS"):
        assert f"{name}: " in sentence
    assert "hunter2" not in sentence
