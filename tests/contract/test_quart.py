"""Assumptions of ``gateway/web`` about the application, contexts and requests of Quart."""

from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from quart import Blueprint, Quart
from quart.sessions import SecureCookieSessionInterface
from quart.wrappers.request import Body
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from gateway.web.app import GatewayApp
from gateway.web.http_metrics import HttpMetrics
from gateway.web.request import this_request
from tests.contract.harness.quart_requests import request_to
from tests.contract.harness.signatures import signatures


@pytest.fixture
def app() -> GatewayApp:
    """The gateway's application, without the gateway's routes."""
    application = GatewayApp(HttpMetrics(CollectorRegistry()), max_body_bytes=4)
    add_routes(application)
    return application


@pytest.fixture
def plain() -> Quart:
    """Quart's own application, with the same routes."""
    application = Quart(__name__, static_folder=None)
    add_routes(application)
    return application


def add_routes(app: Quart) -> None:
    """Add routes in a blueprint and beside it."""
    blueprint = Blueprint("items", __name__)

    @blueprint.post("/items/<item_id>")
    @blueprint.get("/items")
    async def items(item_id: str = "") -> str:
        return item_id

    @app.get("/")
    async def root() -> str:
        return ""

    app.register_blueprint(blueprint)


def test_the_methods_that_are_overridden_or_called_have_these_signatures() -> None:
    assert signatures(
        Quart, "create_url_adapter", "request_context", "handle_request", "log_exception"
    ) == {
        "create_url_adapter": "(self, request)",
        "request_context": "(self, request)",
        "handle_request": "async (self, request)",
        "log_exception": "(self, exception_info)",
    }
    assert signatures(SecureCookieSessionInterface, "open_session") == {
        "open_session": "async (self, app, request)"
    }
    assert signatures(Body, "__init__", "append", "set_complete") == {
        "__init__": "(self, expected_content_length, max_content_length)",
        "append": "(self, data)",
        "set_complete": "(self)",
    }


async def test_a_body_calls_set_complete_when_it_is_too_large_and_raises_when_it_is_read() -> None:
    completed: list[bytes] = []

    class Recorded(Body):
        def append(self, data: bytes) -> None:
            self.last = data
            super().append(data)

        def set_complete(self) -> None:
            completed.append(self.last)
            super().set_complete()

    body = Recorded(None, 4)
    body.append(b"1234")
    body.append(b"5")
    assert completed == [b"5"]
    with pytest.raises(RequestEntityTooLarge):
        await body
    with pytest.raises(RequestEntityTooLarge):
        await Body(5, 4)


async def test_the_body_of_a_request_is_of_the_class_that_the_request_names(
    app: GatewayApp,
) -> None:
    body = request_to(app).body
    assert issubclass(app.request_class.body_class, Body)
    assert type(body) is app.request_class.body_class
    body.append(b"12345")
    with pytest.raises(RequestEntityTooLarge):
        await body


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("GET", "/items"),
        ("POST", "/items/1"),
        ("GET", "/items/1"),
        ("DELETE", "/items"),
        ("GET", "/nowhere"),
        ("GET", "/items/"),
        ("GET", "//items"),
    ],
)
async def test_the_url_adapter_of_the_gateway_matches_as_quarts_own(
    app: GatewayApp, method: str, path: str
) -> None:
    sent = request_to(app, method, path)
    matches: list[Any] = []
    for adapter in (app.create_url_adapter(sent), Quart.create_url_adapter(app, sent)):
        assert adapter is not None
        try:
            matches.append(adapter.match(return_rule=True))
        except HTTPException as exc:
            matches.append(type(exc))
    ours, theirs = matches
    assert ours == theirs


async def test_a_null_session_is_opened_once_and_never_saved(
    app: GatewayApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[object] = []
    saved: list[object] = []
    interface = type(app.session_interface)
    open_session = interface.open_session

    async def noting_open(self: Any, *of: Any) -> Any:
        opened.append(of)
        return await open_session(self, *of)

    async def noting_save(*of: Any) -> None:
        saved.append(of)

    monkeypatch.setattr(interface, "open_session", noting_open)
    monkeypatch.setattr(interface, "save_session", noting_save)
    response = await app.test_client().get("/")
    assert response.status_code == 200
    assert (len(opened), saved) == (1, [])
    assert "Set-Cookie" not in response.headers
    assert "Cookie" not in response.headers.get("Vary", "")


@pytest.mark.parametrize("path", ["/", "/items", "/nowhere"])
async def test_the_blueprints_of_a_request_are_those_that_quart_finds(
    app: GatewayApp, plain: Quart, path: str
) -> None:
    found: list[list[str]] = []
    for each in (app, plain):
        sent = request_to(each, path=path)
        async with each.request_context(sent):
            found.append(sent.blueprints)
    ours, theirs = found
    assert ours == theirs


async def test_the_current_request_is_the_one_of_the_context(app: GatewayApp) -> None:
    sent = request_to(app)
    async with app.request_context(sent):
        assert this_request() is sent
