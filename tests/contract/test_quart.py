"""Assumptions of ``gateway/web`` about the application, contexts and requests of Quart."""

from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from quart import Blueprint, Quart, Response, current_app, request
from quart.globals import request_ctx
from werkzeug.exceptions import HTTPException

from gateway.web.app import GatewayApp
from gateway.web.http_metrics import HttpMetrics
from gateway.web.request import GatewayRequest
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
        Quart, "create_url_adapter", "request_context", "make_response", "ensure_async"
    ) == {
        "create_url_adapter": "(self, request)",
        "request_context": "(self, request)",
        "make_response": "async (self, result)",
        "ensure_async": "(self, func)",
    }


def test_functions_that_are_registered_with_quart_are_kept_under_these_names() -> None:
    app, blueprint = Quart(__name__, static_folder=None), Blueprint("items", __name__)
    kept: list[dict[Any, Any]] = [
        app.before_request_funcs,
        app.after_request_funcs,
        app.teardown_request_funcs,
        app.url_value_preprocessors,
        app.error_handler_spec,
    ]
    assert not any(any(each.values()) for each in kept)

    def function(*_: Any) -> Any: ...

    for owner in (app, blueprint):
        owner.before_request(function)
        owner.after_request(function)
        owner.teardown_request(function)
        owner.url_value_preprocessor(function)
        owner.register_error_handler(ValueError, function)
    app.register_blueprint(blueprint)
    assert [set(each) for each in kept] == [{None, "items"}] * len(kept)


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


async def test_no_session_is_opened_and_no_cookie_is_set_or_read(
    app: GatewayApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[object] = []

    async def noting_open(*of: Any) -> Any:
        opened.append(of)

    monkeypatch.setattr(app.session_interface, "open_session", noting_open)
    response = await app.test_client().get("/")
    assert (response.status_code, opened) == (200, [])
    assert "Set-Cookie" not in response.headers
    assert "Cookie" not in response.headers.get("Vary", "")


@pytest.mark.parametrize("path", ["/", "/items", "/items/1", "/nowhere"])
async def test_the_blueprint_of_a_route_is_the_one_that_quart_finds(
    app: GatewayApp, plain: Quart, path: str
) -> None:
    method = "POST" if path == "/items/1" else "GET"
    found: list[str] = []

    def note_blueprint(request: GatewayRequest) -> dict[str, str]:
        found.append(request.route.blueprint if request.route else "")
        return {}

    app.header_sources.append(note_blueprint)
    client = app.test_client()
    await (client.post(path) if method == "POST" else client.get(path))
    sent = request_to(plain, method, path)
    async with plain.request_context(sent):
        assert found == [sent.blueprint or ""]


async def test_functions_after_a_request_are_called_as_quart_calls_them(
    app: GatewayApp, plain: Quart
) -> None:
    called: list[Any] = []
    for each in (app, plain):

        @each.after_request
        async def first(response: Response) -> Response:
            called.append((request.path, request.endpoint, current_app.name))
            response.vary.add("Origin")
            return response

        @each.after_request
        def last(response: Response) -> Response:
            called.append(response.status_code)
            response.headers["X-Last"] = "1"
            return response

    ours = await app.test_client().get("/items")
    theirs = await plain.test_client().get("/items")
    assert called == [
        200,
        ("/items", "items.items", "gateway"),
        200,
        ("/items", "items.items", plain.name),
    ]
    assert list(ours.headers.items()) == list(theirs.headers.items())


async def test_a_context_of_quart_has_the_request_that_is_made_for_it(app: GatewayApp) -> None:
    sent = request_to(app)
    async with app.request_context(sent):
        assert request.method == sent.method
        assert request_ctx.request is sent
        assert current_app.name == app.name
