"""Access control over HTTP: keys, rate limits and CORS of an application without AMQP."""

import pytest
from prometheus_client import CollectorRegistry
from quart import Blueprint, Response
from quart.typing import TestClientProtocol as Client

from gateway.access.guard import install_access_control
from gateway.settings import GatewaySettings
from gateway.web.app import GatewayApp
from gateway.web.http_metrics import HttpMetrics
from gateway.web.request import this_request

ALICE = {"Authorization": "Bearer a1-long-enough-key"}
BOB = {"X-API-Key": "b1-long-enough-key"}
ORIGIN = "https://app.example"
PREFLIGHT = {
    "Origin": ORIGIN,
    "Access-Control-Request-Method": "POST",
    "Access-Control-Request-Headers": "authorization, content-type",
}


@pytest.fixture
def settings(no_settings: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    return no_settings


def guarded() -> Client:
    """Return a client of ``guarded_app``."""
    return guarded_app().test_client()


def guarded_app() -> GatewayApp:
    """Return an application with access control, which responds with the owner."""
    app = GatewayApp(HttpMetrics(CollectorRegistry()), max_body_bytes=100)
    predictions, health = Blueprint("predictions", __name__), Blueprint("health", __name__)

    @predictions.post("/predict")
    async def predict() -> Response:
        return Response(this_request().owner)

    @predictions.get("/predict/<prediction_id>")
    async def look_up(prediction_id: str) -> Response:
        return Response(prediction_id)

    @health.get("/livez")
    async def live() -> Response:
        return Response("alive")

    app.register_blueprint(predictions)
    app.register_blueprint(health)
    install_access_control(app, GatewaySettings())
    return app


async def test_a_gateway_without_settings_lets_every_caller_in_and_adds_no_header(
    settings: pytest.MonkeyPatch,
) -> None:
    app = guarded_app()
    http = app.test_client()
    assert (app.checks, app.header_sources) == ([], [])
    assert app.before_request_funcs == {}
    assert app.after_request_funcs == {}
    response = await http.post("/predict", headers={"Origin": ORIGIN})
    assert (response.status_code, await response.get_data()) == (200, b"")
    assert {name.lower() for name, _ in response.headers.items()} == {
        "content-type",
        "content-length",
        "server-timing",
    }


async def test_a_caller_has_the_name_of_its_key(settings: pytest.MonkeyPatch) -> None:
    settings.setenv("GATEWAY_API_KEYS", "alice=a1-long-enough-key,bob=b1-long-enough-key")
    http = guarded()
    for headers, name in ((ALICE, b"alice"), (BOB, b"bob")):
        response = await http.post("/predict", headers=headers)
        assert (response.status_code, await response.get_data()) == (200, name)


@pytest.mark.parametrize(
    "headers", [{}, {"Authorization": "Bearer b2-long-enough-key"}, {"X-API-Key": ""}]
)
async def test_a_caller_without_a_valid_key_is_unauthorized(
    settings: pytest.MonkeyPatch, headers: dict[str, str]
) -> None:
    settings.setenv("GATEWAY_API_KEYS", "alice=a1-long-enough-key,bob=b1-long-enough-key")
    accept = {"Accept": "application/problem+json"}
    response = await guarded().post("/predict", headers=headers | accept)
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == "Bearer"
    assert (await response.get_json())["code"] == "unauthorized"


@pytest.mark.parametrize(("method", "path"), [("get", "/nowhere"), ("put", "/predict")])
async def test_a_call_that_is_not_counted_does_not_reveal_whether_its_key_is_valid(
    settings: pytest.MonkeyPatch, method: str, path: str
) -> None:
    settings.setenv("GATEWAY_API_KEYS", "alice=a1-long-enough-key")
    settings.setenv("GATEWAY_RATE_LIMIT", "1/hour")
    http = guarded()
    responses = [
        await getattr(http, method)(path, headers=headers)
        for headers in ({}, {"X-API-Key": "guess"}, ALICE)
    ]
    assert len({response.status_code for response in responses}) == 1
    assert responses[0].status_code in (404, 405)


async def test_monitoring_needs_no_key(settings: pytest.MonkeyPatch) -> None:
    settings.setenv("GATEWAY_API_KEYS", "alice=a1-long-enough-key")
    assert (await guarded().get("/livez")).status_code == 200


async def test_a_caller_beyond_its_rate_gets_429_with_retry_after(
    settings: pytest.MonkeyPatch,
) -> None:
    settings.setenv("GATEWAY_RATE_LIMIT", "2/hour")
    http = guarded()
    for _ in range(2):
        assert (await http.post("/predict")).status_code == 200
    response = await http.post("/predict")
    assert response.status_code == 429
    wait_s = int(response.headers["Retry-After"])
    assert 1 <= wait_s <= 1800
    assert await response.get_json() == {"error": f"Too many calls; try again in {wait_s} s."}
    assert response.headers.getlist("Retry-After") == [str(wait_s)]


async def test_callers_are_counted_apart_and_over_all_routes(
    settings: pytest.MonkeyPatch,
) -> None:
    settings.setenv(
        "GATEWAY_API_KEYS",
        "alice=a1-long-enough-key,alice=a2-long-enough-key,bob=b1-long-enough-key",
    )
    settings.setenv("GATEWAY_RATE_LIMIT", "1/hour")
    http = guarded()
    again = {"Authorization": "Bearer a2-long-enough-key"}
    statuses = [
        (await http.post("/predict", headers=headers)).status_code
        for headers in (ALICE, again, BOB, {}, {"X-API-Key": "guess"})
    ]
    assert statuses == [200, 429, 200, 401, 429]  # a caller without a key counts by its address
    assert (await http.get("/predict/x", headers=ALICE)).status_code == 429


async def test_callers_are_not_counted_by_forwarded_addresses(
    settings: pytest.MonkeyPatch,
) -> None:
    settings.setenv("GATEWAY_RATE_LIMIT", "1/hour")
    http = guarded()
    assert (await http.post("/predict", headers={"X-Forwarded-For": "1.1.1.1"})).status_code == 200
    assert (await http.post("/predict", headers={"X-Forwarded-For": "2.2.2.2"})).status_code == 429


async def test_health_and_preflights_are_not_counted(settings: pytest.MonkeyPatch) -> None:
    settings.setenv("GATEWAY_RATE_LIMIT", "1/hour")
    http = guarded()
    for _ in range(3):
        assert (await http.get("/livez")).status_code == 200
        assert (await http.options("/predict")).status_code == 200
    assert (await http.post("/predict")).status_code == 200


async def test_a_preflight_needs_no_key(settings: pytest.MonkeyPatch) -> None:
    settings.setenv("GATEWAY_API_KEYS", "alice=a1-long-enough-key")
    settings.setenv("GATEWAY_CORS_ORIGINS", f"{ORIGIN},https://other.example")
    response = await guarded().options("/predict", headers=PREFLIGHT)
    assert response.status_code == 200
    assert response.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert "POST" in response.headers["Access-Control-Allow-Methods"]
    allowed = response.headers["Access-Control-Allow-Headers"].lower()
    assert "authorization" in allowed
    assert "content-type" in allowed
    assert response.headers["Access-Control-Max-Age"] == "600"
    assert "Access-Control-Allow-Credentials" not in response.headers


async def test_a_page_of_a_listed_origin_may_read_errors_and_headers(
    settings: pytest.MonkeyPatch,
) -> None:
    settings.setenv("GATEWAY_API_KEYS", "alice=a1-long-enough-key")
    settings.setenv("GATEWAY_RATE_LIMIT", "1/hour")
    settings.setenv("GATEWAY_CORS_ORIGINS", ORIGIN)
    http = guarded()
    for status in (401, 429):
        response = await http.post("/predict", headers={"Origin": ORIGIN})
        assert response.status_code == status
        assert response.headers["Access-Control-Allow-Origin"] == ORIGIN
        exposed = response.headers["Access-Control-Expose-Headers"]
        for name in ("Location", "Retry-After", "Preference-Applied", "Server-Timing"):
            assert name.lower() in exposed.lower()
        assert "correlation-id" in exposed.lower()


async def test_a_page_of_an_origin_that_is_not_listed_may_read_nothing(
    settings: pytest.MonkeyPatch,
) -> None:
    settings.setenv("GATEWAY_CORS_ORIGINS", ORIGIN)
    http = guarded()
    for origin in ("https://evil.example", "https://app.example.evil", "null"):
        response = await http.post("/predict", headers={"Origin": origin})
        assert response.status_code == 200
        assert "Access-Control-Allow-Origin" not in response.headers
        assert response.headers["Vary"] == "Origin"


@pytest.mark.parametrize("path", ["/predict", "/predict/x", "/livez", "/nowhere", "/"])
@pytest.mark.parametrize("host", ["evil.example", "evil.example:8080", "10.0.0.5", ""])
async def test_a_request_for_a_host_that_is_not_allowed_is_misdirected(
    settings: pytest.MonkeyPatch, path: str, host: str
) -> None:
    headers = {"Host": host, "Accept": "application/problem+json"}
    response = await guarded().get(path, headers=headers)
    assert response.status_code == 421
    problem = await response.get_json()
    assert problem["code"] == "misdirected_request"
    assert "GATEWAY_ALLOWED_HOSTS" in problem["detail"]
    plain = await guarded().get(path, headers={"Host": host})
    assert await plain.get_json() == {"error": problem["detail"]}


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:9000", "[::1]:8080"])
async def test_a_request_for_the_loopback_is_answered(
    settings: pytest.MonkeyPatch, host: str
) -> None:
    assert (await guarded().post("/predict", headers={"Host": host})).status_code == 200


async def test_a_gateway_on_a_network_answers_for_any_host(settings: pytest.MonkeyPatch) -> None:
    settings.setenv("GATEWAY_BIND", "*:8080")
    assert (await guarded().post("/predict", headers={"Host": "x.example"})).status_code == 200


async def test_a_health_check_may_name_an_address_and_no_other_request_may(
    settings: pytest.MonkeyPatch,
) -> None:
    settings.setenv("GATEWAY_BIND", "*:8080")
    settings.setenv("GATEWAY_ALLOWED_HOSTS", "api.example")
    http, pod = guarded(), {"Host": "10.42.0.7:8080"}
    assert (await http.get("/livez", headers=pod)).status_code == 200
    assert (await http.post("/predict", headers=pod)).status_code == 421
    assert (await http.get("/livez", headers={"Host": "evil.example"})).status_code == 421
    assert (await http.post("/predict", headers={"Host": "api.example"})).status_code == 200


async def test_a_misdirected_request_is_refused_before_its_key_and_its_rate(
    settings: pytest.MonkeyPatch,
) -> None:
    settings.setenv("GATEWAY_API_KEYS", "alice=a1-long-enough-key")
    settings.setenv("GATEWAY_RATE_LIMIT", "1/hour")
    http = guarded()
    refused = [await http.post("/predict", headers={"Host": "evil.example"}) for _ in range(2)]
    assert [response.status_code for response in refused] == [421, 421]
    assert (await http.post("/predict", headers=ALICE)).status_code == 200
