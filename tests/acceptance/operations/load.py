"""Callers that repeat a call, each on a new connection or on one that it keeps."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final
from urllib.parse import urlsplit

from tests.support.harness.waiting import until

CALL_TIMEOUT_S: Final = 30.0
PREDICT: Final = (
    b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    b'Content-Length: 11\r\n\r\n{"input":1}'
)


def get(path: str) -> bytes:
    """Return a GET of ``path``."""
    return f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()


class Load:
    """Calls of one server at ``url``; ``endings`` counts their statuses and errors."""

    def __init__(self, url: str) -> None:
        split = urlsplit(url)
        self._address = (split.hostname, split.port)
        self.endings: Counter[int | str] = Counter()

    async def grows(self, by: int) -> None:
        """Wait until ``by`` more calls have ended."""
        target = self.endings.total() + by

        async def has_grown() -> bool:
            return self.endings.total() >= target

        await until(has_grown, lambda: f"{by} more calls end: {self.endings}")

    @asynccontextmanager
    async def of(
        self, request: Callable[[], bytes], *, connecting: int = 0, connected: int = 0
    ) -> AsyncIterator[None]:
        """Repeat ``request`` until the context ends.

        ``connecting`` callers use each connection once, ``connected`` ones until it is closed.
        """
        self._is_over = False
        async with asyncio.TaskGroup() as callers:
            for number in range(connecting + connected):
                callers.create_task(self._repeat(request, keeps=number >= connecting))
            try:
                yield
            finally:
                self._is_over = True

    async def _repeat(self, request: Callable[[], bytes], *, keeps: bool) -> None:
        while not self._is_over:
            try:
                await self._connect(request, keeps=keeps)
            except (OSError, asyncio.IncompleteReadError) as exc:
                self.endings[type(exc).__name__] += 1

    async def _connect(self, request: Callable[[], bytes], *, keeps: bool) -> None:
        async with asyncio.timeout(CALL_TIMEOUT_S) as limit:
            reader, writer = await asyncio.open_connection(*self._address)
            try:
                is_open = True
                while is_open and not self._is_over:
                    limit.reschedule(asyncio.get_running_loop().time() + CALL_TIMEOUT_S)
                    writer.write(request())
                    head = (await reader.readuntil(b"\r\n\r\n")).lower()
                    length = head.partition(b"content-length: ")[2].partition(b"\r\n")[0]
                    await reader.readexactly(int(length))
                    self.endings[int(head.split()[1])] += 1
                    is_open = keeps and b"connection: close" not in head
            finally:
                writer.close()
