"""Thousands of announced models, and cards that are no good: every path of a gateway responds."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, Final

import aio_pika
import httpx
import msgspec

from predictmq.local.rabbitmq.broker import PrivateBroker
from tests.support.harness.broker.raw import raw_channel
from tests.support.harness.calls import client
from tests.support.harness.services import Cluster, Service
from tests.support.harness.waiting import until

MANY: Final = 5000
LIVE_S: Final = 1.0
"""The longest that ``/livez`` may take: the loop stands still for less."""

SCHEMA: Final = {
    "type": "object",
    "properties": {f"column{n}": {"type": "number"} for n in range(5)},
}
BAD: Final[dict[str, Any]] = {
    "unknown": {"$schema": "urn:unknown"},
    "address": {"$schema": "http://127.0.0.1:9/schema"},
    "file": {"$schema": "file:///etc/hostname"},
    "reference": {"$ref": "http://127.0.0.1:9/schema"},
    "deep": msgspec.json.decode(900 * b'{"not":' + b"{}" + 900 * b"}"),
    "mapping": {"discriminator": {"propertyName": "a", "mapping": ["b"]}},
    "nonsense": {"type": "nonsense"},
}


@asynccontextmanager
async def announcer(
    broker: PrivateBroker, vhost: str
) -> AsyncIterator[Callable[[list[Any]], Awaitable[None]]]:
    """Yield a function that announces models, as any client of the broker can."""
    async with raw_channel(broker, vhost) as channel:
        presence = await channel.get_exchange("predictions.presence")

        async def announce(models: list[Any]) -> None:
            body = {"replica_id": "r", "host": "h", "isolation": "thread", "concurrency": 1}
            body |= {"max_batch": 1, "predictions": 0, "models": models}
            message = aio_pika.Message(msgspec.json.encode(body), type="predictor.announcement")
            await presence.publish(message, "")

        yield announce


async def longest_s(gateway: Service, until_set: asyncio.Event) -> float:
    """Call ``/livez`` again and again; return the longest time that a response takes."""
    longest = 0.0
    async with client(gateway.url) as http:
        while not until_set.is_set():
            began_s = time.monotonic()
            assert (await http.get("/livez")).status_code == 200
            longest = max(longest, time.monotonic() - began_s)
            await asyncio.sleep(0.005)
    return longest


async def lists(http: httpx.AsyncClient, count: int) -> bool:
    """Return whether the gateway knows so many models."""
    return len((await http.get("/models")).json()["models"]) == count


async def test_thousands_of_models_do_not_keep_a_gateway_from_responding(
    broker: PrivateBroker, vhost: str, cluster: Cluster
) -> None:
    gateway = cluster.gateway()
    await gateway.ready()
    ended = asyncio.Event()
    watch = asyncio.create_task(longest_s(gateway, ended))
    async with client(gateway.url) as http, announcer(broker, vhost) as announce:
        await announce([{"name": f"m{n}", "input_schema": SCHEMA} for n in range(MANY)])
        await until(partial(lists, http, MANY), lambda: "all are known")
        await announce([{"name": f"m{n}", "input_schema": SCHEMA} for n in range(MANY)])
        for path in ("/openapi.json", "/models", "/metrics", "/openapi.json", "/models/m7"):
            answer = await http.get(path)
            assert answer.status_code == 200, path
            assert "m7" in answer.text
    ended.set()
    assert await watch < LIVE_S


async def test_cards_that_are_no_good_change_no_path_and_the_others_stay(
    broker: PrivateBroker, vhost: str, cluster: Cluster
) -> None:
    gateway, predictor = cluster.gateway(), cluster.predictor()
    await gateway.ready()
    await predictor.ready()
    ended = asyncio.Event()
    watch = asyncio.create_task(longest_s(gateway, ended))
    async with client(gateway.url) as http, announcer(broker, vhost) as announce:
        bad = [{"name": name, "input_schema": schema} for name, schema in BAD.items()]
        await announce([{"name": "first"}, *bad, {"name": "../etc"}, 3, {"name": "last"}])
        await until(partial(lists, http, 3), lambda: "the good ones are known")
        names = [model["name"] for model in (await http.get("/models")).json()["models"]]
        assert names == ["demo", "first", "last"]
        document = (await http.get("/openapi.json")).json()
        assert {"/models/first/predict", "/models/demo/predict"} <= document["paths"].keys()
        assert not {f"/models/{name}/predict" for name in BAD} & document["paths"].keys()
        await gateway.reads(f"predictmq_refused_announcements_total {len(BAD) + 2}.0")
        assert (await http.post("/predict", json={"input": 1})).status_code == 200
    ended.set()
    assert await watch < LIVE_S
    assert gateway.log.count("models of an announcement left out") == 1
