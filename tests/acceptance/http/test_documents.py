"""``/openapi.json``, ``/docs`` and ``/asyncapi.json`` over HTTP."""

from functools import partial
from html.parser import HTMLParser

import httpx
import msgspec

from common.asyncapi import asyncapi
from tests.support.harness.calls import client
from tests.support.harness.services import Cluster
from tests.support.harness.waiting import until


class PageAddresses(HTMLParser):
    """The addresses that a page has its browser fetch."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.urls: list[str] = []
        self.inline_scripts = 0
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Collect the address that a tag names."""
        urls = [value for name, value in attrs if name in ("href", "src") and value]
        self.urls += urls
        self.inline_scripts += tag == "script" and not urls


async def test_every_asset_of_the_docs_page_comes_from_the_gateway(cluster: Cluster) -> None:
    service = cluster.gateway()
    await service.ready()
    async with client(service.url) as gateway:
        page = await gateway.get("/docs")
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        named = PageAddresses(page.text)
        kinds = []
        for url in named.urls:
            asset = await gateway.get(page.url.join(url))
            assert (asset.status_code, asset.url.netloc) == (200, page.url.netloc), url
            kinds.append(asset.headers["content-type"].partition(";")[0])
        assert sorted(kinds) == ["image/png", "text/css", "text/javascript", "text/javascript"]
        start = (await gateway.get("/docs/start.js")).text
        assert (await gateway.get(page.url.join("openapi.json"))).status_code == 200
        for other in ("/docs/", "/docs/swagger-ui.js", "/docs/..%2fopenapi.json", "/docs/%00"):
            assert (await gateway.get(other)).status_code == 404, other
    assert '"openapi.json"' in start
    assert "//" not in page.text + start  # no other host


async def test_the_docs_page_allows_requests_to_no_other_host(cluster: Cluster) -> None:
    service = cluster.gateway()
    await service.ready()
    async with client(service.url) as gateway:
        page = await gateway.get("/docs")
    policy = dict(
        directive.split(maxsplit=1)
        for directive in page.headers["content-security-policy"].split("; ")
    )
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == "'self'"
    assert policy["connect-src"] == "'self'"
    assert PageAddresses(page.text).inline_scripts == 0  # none that the policy would refuse


async def test_keys_guard_the_documents_but_not_the_docs_page(
    cluster: Cluster,
) -> None:
    gateway = cluster.gateway(GATEWAY_API_KEYS="somebody=a-key-of-the-tests-0123456789")
    await gateway.ready()
    async with client(gateway.url) as http:
        key = {"X-API-Key": "a-key-of-the-tests-0123456789"}
        for path in ("/openapi.json", "/asyncapi.json"):
            assert (await http.get(path)).status_code == 401
            assert (await http.get(path, headers=key)).status_code == 200
        for path in ("/docs", "/docs/start.js", "/docs/swagger-ui-bundle.js"):
            assert (await http.get(path)).status_code == 200
        described = (await http.get("/openapi.json", headers=key)).json()
    assert described["paths"]["/predict"]["post"]["security"]


async def test_a_model_is_described_at_every_gateway_while_a_replica_serves_it(
    cluster: Cluster,
) -> None:
    first, second = cluster.gateway(), cluster.gateway()
    await first.ready()
    await second.ready()
    async with client(first.url) as one, client(second.url) as other:
        assert "/models/risk/predict" not in await _paths(one)
        predictor = cluster.predictor(PREDICTOR_MODEL="risk=tests.support.models.typed:predict")
        await predictor.ready()
        for gateway in (one, other):
            await until(
                partial(_describes, gateway, "/models/risk/predict"),
                lambda: "the model is described",
            )
        schemas = (await one.get("/openapi.json")).json()["components"]["schemas"]
        card = (await one.get("/models/risk")).json()
        predictor.terminate()
        for gateway in (one, other):
            await until(
                partial(_does_not_describe, gateway, "/models/risk/predict"),
                lambda: "the model is described no more",
            )
    assert schemas["risk.input"]["$defs"]["Customer"] == card["input_schema"]["$defs"]["Customer"]
    assert schemas["risk.output"]["$defs"]["Risk"]["properties"]["of"] == {
        "$ref": "#/components/schemas/risk.output/$defs/Customer"
    }


async def test_the_asyncapi_document_has_the_declared_queue_type(cluster: Cluster) -> None:
    gateway = cluster.gateway(RABBITMQ_SYNC_QUEUE_TYPE="classic")
    await gateway.ready()
    async with client(gateway.url) as http:
        answer = await http.get("/asyncapi.json")
    assert answer.headers["content-type"] == "application/json"
    told = answer.json()
    assert answer.content == msgspec.json.encode(asyncapi("classic", told["info"]["version"]))


async def _paths(gateway: httpx.AsyncClient) -> dict[str, object]:
    return dict((await gateway.get("/openapi.json")).json()["paths"])


async def _does_not_describe(gateway: httpx.AsyncClient, path: str) -> bool:
    return not await _describes(gateway, path)


async def _describes(gateway: httpx.AsyncClient, path: str) -> bool:
    return path in await _paths(gateway)
