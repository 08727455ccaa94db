"""A response whose body is complete: what most handlers return, at a lower cost than Quart's."""

from typing import NamedTuple

from quart import Response

from common.http.error_response import JSON


class BytesResponse(NamedTuple):
    """A response as one of the tuples that Quart takes from handlers.

    ``headers`` may be added to until it is sent.
    """

    body: bytes
    status_code: int
    headers: dict[str, str]

    def quart(self) -> Response:
        """Return Quart's own response of the same content."""
        response = Response(self.body, self.status_code, self.headers)
        if "Content-Type" not in self.headers:
            del response.headers["Content-Type"]  # Quart's default
        return response


GatewayResponse = BytesResponse | Response
"""The response that a handler returns; Quart's own is for streams and files."""


def json_response(body: bytes, status: int = 200, content_type: str = JSON) -> BytesResponse:
    """Respond with bytes that already are JSON."""
    headers = {"Content-Type": content_type, "Content-Length": str(len(body))}
    return BytesResponse(body, int(status), headers)  # log lines have no names of statuses
