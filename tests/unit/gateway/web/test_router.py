"""The router finds what werkzeug finds in the same URL map."""

from typing import Any, Final

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from quart import Quart
from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound

from common.settings import BrokerSettings
from gateway.app import Gateway
from gateway.settings import GatewaySettings
from gateway.web.router import Router

METHODS: Final = ("GET", "HEAD", "POST", "DELETE", "OPTIONS", "PUT")
METHOD: Final = st.sampled_from(METHODS)

SEGMENTS: Final = ("models", "predict", "docs", "start.js", "livez", "a", "", "é", "\n", "<model>")
PATH: Final = st.lists(st.sampled_from(SEGMENTS) | st.text(max_size=3), max_size=5).map(
    lambda segments: "/" + "/".join(segments).lstrip("/")
)

PATTERN_SEGMENTS: Final = st.lists(st.sampled_from(("a", "b", "<x>")), max_size=3)


def pattern(segments: list[str]) -> str:
    """Return a pattern of these segments, whose variables have a name each."""
    named = [part.replace("x", f"x{number}") for number, part in enumerate(segments)]
    return "/" + "/".join(named)


def router_of(app: Quart) -> Router:
    return Router(
        app.url_map, {name: app.ensure_async(f) for name, f in app.view_functions.items()}
    )


def found(app: Quart, router: Router, method: str, path: str) -> Any:
    """Return what the router finds: a pattern, a handler, arguments; or an error."""
    try:
        route, arguments = router.match(method, path)
    except HTTPException as exc:
        return described(exc)
    return route.pattern, route.handler, route.blueprint, dict(arguments)


def expected(app: Quart, method: str, path: str) -> Any:
    """Return what werkzeug finds."""
    try:
        rule, arguments = app.url_map.bind("").match(path, method, return_rule=True)
    except HTTPException as exc:
        return described(exc)
    blueprint = rule.endpoint.rpartition(".")[0]
    return rule.rule, app.view_functions[rule.endpoint], blueprint, dict(arguments)


def described(error: HTTPException) -> Any:
    allowed = set(error.valid_methods or ()) if isinstance(error, MethodNotAllowed) else set()
    return type(error), allowed


@pytest.fixture(scope="module")
def gateway() -> Quart:
    return Gateway(GatewaySettings(), BrokerSettings()).http_app()


@given(method=METHOD, path=PATH)
@example("GET", "/")
@example("GET", "/predict/")
@example("DELETE", "/docs/start.js")
@example("POST", "/models/a/predict")
@example("OPTIONS", "/predict/a")
def test_a_path_of_the_gateway_has_the_route_or_the_error_that_werkzeug_finds(
    gateway: Quart, method: str, path: str
) -> None:
    router = router_of(gateway)
    assert found(gateway, router, method, path) == expected(gateway, method, path)
    assert set(router.allowed_methods(path)) == set(gateway.url_map.bind("").allowed_methods(path))


@given(
    rules=st.lists(st.tuples(PATTERN_SEGMENTS, st.sampled_from(METHODS)), max_size=6),
    requests=st.lists(
        st.tuples(METHOD, st.lists(st.sampled_from(("a", "b", "c", "")), max_size=4)), max_size=8
    ),
)
def test_any_patterns_of_fixed_segments_and_variables_are_found_as_werkzeug_finds_them(
    rules: list[tuple[list[str], str]], requests: list[tuple[str, list[str]]]
) -> None:
    app = Quart(__name__, static_folder=None)
    app.url_map.merge_slashes = False
    for number, (segments, method) in enumerate(rules):

        async def handler(**arguments: str) -> str:
            return repr(arguments)

        app.add_url_rule(pattern(segments), f"f{number}", handler, methods=[method])
    router = router_of(app)
    for method, parts in requests:
        path = "/" + "/".join(parts).lstrip("/")
        assert found(app, router, method, path) == expected(app, method, path)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("path", ["//", "//predict", "///predict", "/predict//", "predict", ""])
def test_a_path_with_other_slashes_is_none_of_the_gateways(
    gateway: Quart, method: str, path: str
) -> None:
    with pytest.raises(NotFound):
        router_of(gateway).match(method, path)


def test_each_route_of_the_gateway_is_found(gateway: Quart) -> None:
    router = router_of(gateway)
    for rule in gateway.url_map.iter_rules():
        values = {name: f"value of {name}" for name in rule.arguments}
        path = rule.rule
        for name, value in values.items():
            path = path.replace(f"<{name}>", value)
        for method in rule.methods or ():
            route, arguments = router.match(method, path)
            assert (route.pattern, arguments) == (rule.rule, values)


def test_an_error_of_the_router_is_werkzeugs(gateway: Quart) -> None:
    router = router_of(gateway)
    with pytest.raises(NotFound):
        router.match("GET", "/nowhere")
    with pytest.raises(MethodNotAllowed) as raised:
        router.match("PUT", "/predict")
    assert set(raised.value.valid_methods or ()) == {"POST", "OPTIONS"}


@pytest.mark.parametrize("unsupported", ["/<int:number>", "/<path:rest>", "/a-<x>", "/a/", "/a//b"])
def test_a_pattern_that_the_router_cannot_split_is_refused(unsupported: str) -> None:
    app = Quart(__name__, static_folder=None)

    @app.get(unsupported)
    async def handler(**arguments: str) -> str:
        return repr(arguments)

    with pytest.raises(ValueError, match="does not support the pattern"):
        router_of(app)
