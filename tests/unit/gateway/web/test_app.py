"""The HTTP application: each failure has a response and a line in the log."""

from collections.abc import Callable
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from quart import Response
from structlog.testing import capture_logs

from common.telemetry.correlation import correlate
from gateway.web.app import GatewayApp
from gateway.web.http_metrics import HttpMetrics
from gateway.web.request import this_request
from tests.support.harness.serving import exchange, serving

PROBLEM = {"Accept": "application/problem+json"}


@pytest.fixture
def app() -> GatewayApp:
    """An application with routes that raise unexpected exceptions."""
    application = GatewayApp(HttpMetrics(CollectorRegistry()), max_body_bytes=100)

    @application.get("/fails")
    async def fails() -> Response:
        raise ZeroDivisionError("secret")

    @application.get("/fails/<prediction_id>")
    async def fails_for(prediction_id: str) -> Response:
        correlate(prediction_id)
        raise ZeroDivisionError("secret")

    @application.post("/reads")
    async def reads() -> Response:
        return Response(b"unread")

    @application.post("/keeps")
    async def keeps() -> Response:
        return Response(await this_request().body.read(None, lambda size_bytes: None))

    return application


async def test_an_unexpected_failure_is_one_line_with_the_id_that_its_caller_gets(
    app: GatewayApp,
) -> None:
    with capture_logs() as lines:
        response = await app.test_client().get("/fails", headers=PROBLEM)
    problem = await response.get_json()
    assert (response.status_code, problem["code"]) == (500, "internal_error")
    line, request = lines
    assert (line["event"], line["path"]) == ("unexpected failure", "/fails")
    assert (request["event"], request["status"], request["code"]) == (
        "request",
        500,
        "internal_error",
    )
    assert line["exc_info"][0] is ZeroDivisionError
    assert problem["correlation_id"] == line["correlation_id"] == response.headers["Correlation-Id"]
    assert b"secret" not in await response.get_data(as_text=False)


async def test_an_unexpected_failure_of_a_prediction_has_the_predictions_id(
    app: GatewayApp,
) -> None:
    with capture_logs() as lines:
        response = await app.test_client().get("/fails/of-a-prediction")
    assert await response.get_data() == b'{"error": "The gateway failed; its log says why."}'
    assert response.headers["Correlation-Id"] == "of-a-prediction"
    unexpected = [line for line in lines if line["event"] == "unexpected failure"]
    assert [line["correlation_id"] for line in unexpected] == ["of-a-prediction"]


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nowhere", 404, "not_found"),
        ("GET", "/static/nowhere", 404, "not_found"),
        ("DELETE", "/fails", 405, "method_not_allowed"),
    ],
)
async def test_an_error_of_http_itself_is_a_problem_with_an_id(
    app: GatewayApp, method: str, path: str, status: int, code: str
) -> None:
    http = app.test_client()
    response = await {"GET": http.get, "DELETE": http.delete}[method](path, headers=PROBLEM)
    problem = await response.get_json()
    assert response.headers["Content-Type"] == "application/problem+json"
    assert (response.status_code, problem["status"], problem["code"]) == (status, status, code)
    assert problem["correlation_id"] == response.headers["Correlation-Id"]


async def test_a_body_that_is_too_large_gets_an_error_with_the_limit(app: GatewayApp) -> None:
    http = app.test_client()
    assert await (await http.post("/keeps", data=b"x" * 100)).get_data() == b"x" * 100
    response = await http.post("/keeps", data=b"x" * 101, headers=PROBLEM)
    problem = await response.get_json()
    assert (response.status_code, problem["code"]) == (413, "body_too_large")
    assert "100 bytes" in problem["detail"]


@pytest.mark.parametrize(
    "register",
    [
        lambda app, function: app.before_request(function),
        lambda app, function: app.teardown_request(function),
        lambda app, function: app.url_value_preprocessor(function),
        lambda app, function: app.register_error_handler(ValueError, function),
        lambda app, function: app.after_request_funcs["a blueprint"].append(function),
    ],
)
async def test_a_function_that_would_never_be_called_is_refused(
    app: GatewayApp, register: Callable[[GatewayApp, Any], Any]
) -> None:
    register(app, lambda *_: None)
    with capture_logs() as lines:
        response = await app.test_client().post("/reads")
    assert response.status_code == 500
    assert lines[0]["exc_info"][0] is NotImplementedError


async def test_each_call_that_fails_has_an_id_of_its_own(app: GatewayApp) -> None:
    http = app.test_client()
    ids = {(await http.get("/nowhere")).headers["Correlation-Id"] for _ in range(5)}
    assert len(ids) == 5


async def test_a_response_without_an_error_has_no_correlation_id(app: GatewayApp) -> None:
    response = await app.test_client().post("/reads")
    assert "Correlation-Id" not in response.headers


@pytest.mark.parametrize("target", [b"*", b"http://x"])
async def test_options_of_the_server_have_the_methods_of_its_routes(
    app: GatewayApp, target: bytes
) -> None:
    request = b"OPTIONS %b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" % target
    async with serving(app) as port:
        response = await exchange(port, request)
    assert response.startswith(b"HTTP/1.1 204")
    assert b"\r\nallow: GET, HEAD, OPTIONS, POST\r\n" in response
    assert response.endswith(b"\r\n\r\n")


@pytest.mark.parametrize(
    ("target", "status"),
    [
        (b"http://x/fails/1", 500),  # a whole URL is a target too
        (b"//nowhere", 404),
        (b"//fails/1", 404),
        (b"http://x//fails/1", 404),
        (b"/%2ffails/1", 404),
        (b"*", 400),  # for OPTIONS alone (RFC 9112, section 3.2.4)
        (b"/%00", 404),
        (b"/%zz%ff?a=%ff", 404),
        (b"?x", 400),
        (b"fails", 400),
        (b"http://[", 400),
    ],
)
async def test_a_malformed_request_target_gets_an_error_in_json(
    app: GatewayApp, target: bytes, status: int
) -> None:
    request = b"GET %b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" % target
    with capture_logs() as lines:
        async with serving(app) as port:
            response = await exchange(port, request)
    assert response.startswith(b"HTTP/1.1 %d" % status)
    assert b'\r\n\r\n{"error": "' in response
    assert len([line for line in lines if line["log_level"] == "error"]) == (status == 500)
