"""The wait for ``/readyz`` of each service."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from predictmq.local.ports import LOOPBACK, free_port
from predictmq.local.readiness import wait_until_ready


@contextmanager
def service(*statuses: int) -> Iterator[tuple[str, list[str]]]:
    """Run a server that responds with ``statuses``; yields its address and the requested paths."""
    left, paths = list(statuses), list[str]()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            paths.append(self.path)
            self.send_response(left.pop(0))
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Print nothing."""

    with HTTPServer((LOOPBACK, 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"{LOOPBACK}:{server.server_port}", paths
        server.shutdown()
        thread.join()


async def test_the_wait_ends_when_every_service_is_ready() -> None:
    with service(503, 200) as (first, firsts_paths), service(200) as (second, seconds_paths):
        await wait_until_ready([first, second])
    assert (firsts_paths, seconds_paths) == (["/readyz"] * 2, ["/readyz"])


async def test_a_proxy_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", f"http://{LOOPBACK}:{free_port()}")
    with service(200) as (address, paths):
        await wait_until_ready([address])
    assert paths == ["/readyz"]
