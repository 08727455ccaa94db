"""Waiting until the services are ready, and what to say then."""

import asyncio
from collections.abc import Iterable
from typing import Final

import httpx

POLL_S: Final = 0.2
REQUEST_TIMEOUT_S: Final = 2.0
EVERY_ADDRESS: Final = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}
"""Where to reach a server that listens on every address."""


def url(bind: str) -> str:
    """The URL of a server that listens on ``bind``, an address and a port."""
    host, _, port = bind.rpartition(":")
    return f"http://{EVERY_ADDRESS.get(host, host)}:{port}"


async def until_ready(binds: Iterable[str]) -> None:
    """Return once everything that listens on ``binds`` has called itself ready."""
    async with httpx.AsyncClient(timeout=REQUEST_TIMEOUT_S, trust_env=False) as client:
        for bind in binds:
            while not await _is_ready(client, bind):  # noqa: ASYNC110 - it is another process
                await asyncio.sleep(POLL_S)


async def _is_ready(client: httpx.AsyncClient, bind: str) -> bool:
    try:
        answer = await client.get(f"{url(bind)}/readyz")
    except httpx.TransportError:
        return False
    return answer.status_code == httpx.codes.OK


def greeting(gateway: str, predictors: Iterable[str]) -> str:
    """What to say when everything is ready: where it is, and how to try it."""
    observed = [f"  {url(bind)}/metrics" for bind in (gateway, *predictors)]
    lines = [
        f"PredictMQ is ready at {url(gateway)}",
        "",
        f"  curl -H 'Content-Type: application/json' -d '{{\"input\": \"hello\"}}' "
        f"{url(gateway)}/predict",
        "",
        f"  {url(gateway)}/readyz",
        *observed,
        "",
        "Ctrl-C stops everything.",
    ]
    return "\n".join(lines)
