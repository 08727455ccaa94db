"""A request: what it says of its scope is what Quart's own request says."""

import asyncio
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from gateway.web.app import GatewayApp
from gateway.web.http_metrics import HttpMetrics
from gateway.web.request import GatewayRequest, this_request
from gateway.web.response import json_response
from tests.support.fakes.http_requests import http_scope, request_with

NAMES: Final = ("accept", "content-type", "prefer", "x-api-key", "traceparent", "x-unknown")
VALUES: Final = st.sampled_from(
    ("application/json", "application/json; charset=utf-8", "application/a+json", "text/html", "")
) | st.text(st.characters(max_codepoint=255), max_size=8)
HEADERS: Final = st.lists(st.tuples(st.sampled_from(NAMES), VALUES), max_size=8)


async def handled(**parts: Any) -> GatewayRequest:
    """Return the request that a handler gets."""
    app = GatewayApp(HttpMetrics(CollectorRegistry()), max_body_bytes=100)
    requests: list[GatewayRequest] = []

    @app.route("/", methods=["GET", "POST"])
    @app.route("/<segment>", methods=["GET", "POST"])
    async def handle(segment: str = "") -> Any:
        requests.append(this_request())
        return json_response(b"{}")

    async def receive() -> Any:
        return await asyncio.get_running_loop().create_future()

    async def send(_: Any) -> None: ...

    scope: Any = http_scope(**parts)
    await app(scope, receive, send)
    (request,) = requests
    return request


@given(HEADERS)
async def test_headers_are_those_of_quarts_request(headers: list[tuple[str, str]]) -> None:
    encoded = [(name.encode(), value.encode("latin1")) for name, value in headers]
    request = await handled(headers=encoded)
    for name in NAMES:
        assert request.header(name) == request.quart.headers.get(name)
        assert request.headers_of(name) == request.quart.headers.getlist(name)
    assert request.is_json == request.quart.is_json


@pytest.mark.parametrize("method", ["GET", "POST", "post"])
@pytest.mark.parametrize("path", ["/", "/a", "/a;b"])
async def test_method_path_query_and_address_are_those_of_quarts_request(
    method: str, path: str
) -> None:
    request = await handled(method=method, path=path, query_string=b"wait=1&a=%ff")
    theirs = request.quart
    assert (request.method, request.path) == (theirs.method, theirs.path)
    assert request.query_string == theirs.query_string
    assert request.remote_addr == theirs.remote_addr == "127.0.0.1"


@pytest.mark.parametrize("path", ["//", "//a", "*", "/a//"])
def test_a_path_is_the_one_of_the_scope_with_all_of_its_slashes(path: str) -> None:
    body = request_with().body
    request = GatewayRequest(http_scope(path=path), body, lambda: request_with().quart)
    assert request.path == path


async def test_quarts_request_is_made_once() -> None:
    request = await handled(query_string=b"wait=1")
    assert request.quart is request.quart
    assert request.quart.args["wait"] == "1"


def test_a_request_without_an_address_is_local() -> None:
    scope = http_scope() | {"client": None}
    body = request_with().body
    assert GatewayRequest(scope, body, lambda: request_with().quart).remote_addr == "<local>"


async def test_the_current_request_is_the_one_of_the_handler() -> None:
    first, second = await asyncio.gather(handled(path="/a"), handled(path="/b"))
    assert (first.path, second.path) == ("/a", "/b")
