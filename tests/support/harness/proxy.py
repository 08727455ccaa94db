"""A TCP proxy between a service and the broker, with the faults of a network."""

import asyncio
import math
import socket
import struct
from collections import deque
from enum import Enum
from typing import Final, Self

from predictmq.local.ports import LOOPBACK

CHUNK_BYTES: Final = 65_536
LATENCY_S: Final = 0.3
RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)
"""``SO_LINGER`` with no time to linger: closing sends a reset instead of an end (socket(7))."""


class Way(Enum):
    """The direction of bytes: up from the service to the broker, or down to the service."""

    UP = "up"
    DOWN = "down"


class Fault(Enum):
    """A fault of the network, as it befalls connections."""

    NONE = "none"
    BLACKHOLE_UP = "nothing passes up"
    BLACKHOLE_DOWN = "nothing passes down"
    BLACKHOLE = "nothing passes either way"
    LATENCY = "all comes 300 ms late"
    ONE_BYTE = "one byte at a time"
    CUT_UP = "cut in the middle of a frame on its way up"
    CUT_DOWN = "cut in the middle of a frame on its way down"
    RESET = "both ends are reset"
    HALF_OPEN = "the broker's end is closed and the service is not told"


HELD: Final = {
    Fault.BLACKHOLE_UP: {Way.UP},
    Fault.BLACKHOLE_DOWN: {Way.DOWN},
    Fault.BLACKHOLE: set(Way),
}
CUT: Final = {Fault.CUT_UP: Way.UP, Fault.CUT_DOWN: Way.DOWN}
"""Faults that end with the first connection they befall."""

MOMENTARY: Final = frozenset({Fault.RESET, Fault.HALF_OPEN})
"""Faults of the connections of one moment; new connections pass."""


class Proxy:
    """A TCP proxy between clients and ``host`` with one fault at a time; a context manager.

    With several ``ports`` it does what a load balancer does before a cluster: new connections
    go to each in turn, but for those where nobody listens.
    """

    def __init__(self, host: str, *ports: int) -> None:
        self._targets = deque((host, port) for port in ports)
        self._fault = Fault.NONE
        self._changed = asyncio.Event()
        self._links: dict[asyncio.StreamWriter, asyncio.StreamWriter] = {}
        self._half_open: list[asyncio.StreamWriter] = []
        self._due_s: dict[asyncio.StreamWriter, float] = {}
        self._passing: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self.port = 0

    def inject(self, fault: Fault) -> None:
        """Let ``fault`` befall the connections; ``Fault.NONE`` heals them.

        What was held back passes then: TCP sends it again until it arrives.
        """
        self._fault = Fault.NONE if fault in MOMENTARY else fault
        self._changed.set()
        self._changed = asyncio.Event()
        if fault is Fault.RESET:
            self._reset_all()
        elif fault is Fault.HALF_OPEN:
            while self._links:
                near, far = self._links.popitem()
                self._half_open.append(near)
                far.close()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._connected, LOOPBACK, 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        self._reset_all()
        for near in self._half_open:
            near.close()
        for task in self._passing:
            task.cancel()
        await asyncio.gather(*self._passing, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, near: asyncio.StreamWriter) -> None:
        for host, port in tuple(self._targets):
            self._targets.rotate(-1)
            try:
                far_reader, far = await asyncio.open_connection(host, port)
            except OSError:  # this one is away
                continue
            except asyncio.CancelledError:  # the proxy ends; asyncio would log that as a failure
                near.close()
                return
            break
        else:
            near.close()
            return
        self._links[near] = far
        for source, target, way in ((reader, far, Way.UP), (far_reader, near, Way.DOWN)):
            task = asyncio.create_task(self._pass_on(near, source, target, way))
            self._passing.add(task)
            task.add_done_callback(self._passing.discard)

    async def _pass_on(
        self,
        near: asyncio.StreamWriter,
        source: asyncio.StreamReader,
        target: asyncio.StreamWriter,
        way: Way,
    ) -> None:
        try:
            while chunk := await source.read(CHUNK_BYTES):
                await self._until_it_passes(way)
                if CUT.get(self._fault) is way:
                    self._fault = Fault.NONE
                    target.write(chunk[:-1])
                    break
                await self._send(chunk, target)
            await self._until_it_passes(way)
            await self._until_it_has_arrived(target)
        except OSError:
            pass  # one of the ends has gone: so does the other
        self._due_s.pop(target, None)
        if near in self._links:  # else it is half open, and the end goes unheard
            near.close()
            self._links.pop(near).close()

    async def _until_it_passes(self, way: Way) -> None:
        while way in HELD.get(self._fault, ()):
            await self._changed.wait()

    async def _until_it_has_arrived(self, target: asyncio.StreamWriter) -> None:
        loop = asyncio.get_running_loop()
        await asyncio.sleep(self._due_s.get(target, 0.0) - loop.time())

    async def _send(self, chunk: bytes, target: asyncio.StreamWriter) -> None:
        loop = asyncio.get_running_loop()
        late_s = LATENCY_S if self._fault is Fault.LATENCY else 0.0
        # What is late stays first, also when the fault is over: a clock tick apart, as the loop
        # keeps no order between equals.
        after_last_s = math.nextafter(self._due_s.get(target, 0.0), math.inf)
        due_s = max(loop.time() + late_s, after_last_s)
        if due_s > loop.time():
            self._due_s[target] = due_s
            loop.call_at(due_s, target.write, chunk)
        elif self._fault is Fault.ONE_BYTE:
            for number in chunk:
                target.write(bytes((number,)))
                await target.drain()
        else:
            target.write(chunk)
            await target.drain()

    def _reset_all(self) -> None:
        while self._links:
            for writer in self._links.popitem():
                raw: socket.socket = writer.get_extra_info("socket")
                if raw.fileno() >= 0:  # else this end has closed it already
                    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
                writer.transport.abort()
