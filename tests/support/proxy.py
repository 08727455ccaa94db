"""A TCP proxy that can fall silent: the connections stay open and nothing passes any more."""

import asyncio
from typing import Self

from tests.local.ports import LOOPBACK


class Proxy:
    """Stands between clients and ``host:port``; a context manager that ends with it."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._silent = False
        self._passing: set[asyncio.Task[None]] = set()
        self._writers: list[asyncio.StreamWriter] = []
        self._server: asyncio.Server | None = None
        self.port = 0

    def fall_silent(self) -> None:
        """Swallow what comes from either side from now on."""
        self._silent = True

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._connected, LOOPBACK, 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._passing:
            task.cancel()
        await asyncio.gather(*self._passing, return_exceptions=True)
        for writer in self._writers:
            writer.close()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(*self._target)
        for source, target in ((reader, far_writer), (far_reader, writer)):
            self._writers.append(target)
            task = asyncio.create_task(self._pass_on(source, target))
            self._passing.add(task)
            task.add_done_callback(self._passing.discard)

    async def _pass_on(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        try:
            while chunk := await source.read(65_536):
                if not self._silent:
                    target.write(chunk)
                    await target.drain()
        except ConnectionError:
            pass  # the other side has left
        if not self._silent:  # then even the end of the other side goes unheard
            target.close()
