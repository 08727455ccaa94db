"""A complete response, and Quart's own of the same content."""

import pytest
from quart import Quart

from common.http.error_response import JSON, PROBLEM_JSON
from gateway.api.responses import empty_response
from gateway.web.response import BytesResponse, json_response


async def test_a_json_response_has_its_type_and_its_length() -> None:
    response = json_response(b"{}", 503, PROBLEM_JSON)
    assert response == (b"{}", 503, {"Content-Type": PROBLEM_JSON, "Content-Length": "2"})


@pytest.mark.parametrize(
    "response", [json_response(b"{}"), json_response(b'"\xc3\xa9"', 202), empty_response()]
)
async def test_quarts_response_has_the_same_content(response: BytesResponse) -> None:
    response.headers["Vary"] = "Accept"
    theirs = response.quart()
    assert theirs.status_code == response.status_code
    assert list(theirs.headers.items()) == list(response.headers.items())
    assert await theirs.get_data(as_text=False) == response.body


async def test_quart_takes_a_complete_response_from_a_handler() -> None:
    app = Quart(__name__)

    @app.get("/")
    async def handle() -> BytesResponse:
        return json_response(b"[1]", 202)

    response = await app.test_client().get("/")
    assert (response.status_code, response.headers["Content-Type"]) == (202, JSON)
    assert await response.get_json() == [1]
