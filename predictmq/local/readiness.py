"""The wait until every service calls itself ready."""

import asyncio
from collections.abc import Iterable
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from typing import Final

POLL_S: Final = 0.2
REQUEST_TIMEOUT_S: Final = 2.0


async def wait_until_ready(addresses: Iterable[str]) -> None:
    """Return once ``/readyz`` at each of ``addresses``, a host and a port, responds with 200."""
    for address in addresses:
        while not await asyncio.to_thread(_is_ready, address):  # noqa: ASYNC110 - a process apart
            await asyncio.sleep(POLL_S)


def _is_ready(address: str) -> bool:
    connection = HTTPConnection(address, timeout=REQUEST_TIMEOUT_S)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == HTTPStatus.OK
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()
