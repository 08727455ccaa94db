"""A client of server-sent events, as the HTML standard has it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final, NamedTuple

import httpx
import msgspec

EVENT_TIMEOUT_S: Final = 20.0


class ServerSent(NamedTuple):
    """One event: its name, its id, and its data."""

    name: str
    id: str
    data: Any


class EventStream:
    """The events of one response; ``last_id`` is the id for a client to resume with."""

    def __init__(self, answer: httpx.Response, last_id: str) -> None:
        self.answer = answer
        self.last_id = last_id
        self.comments = 0
        self._lines = answer.aiter_lines()

    async def next(self) -> ServerSent | None:
        """Return the next event; None at the end."""
        async with asyncio.timeout(EVENT_TIMEOUT_S):
            while (block := await self._block()) is not None:
                self.last_id = block.get("id", self.last_id)
                if "data" in block:
                    data = msgspec.json.decode(block["data"])
                    return ServerSent(block["event"], self.last_id, data)
        return None

    async def rest(self) -> list[ServerSent]:
        """Return all events up to the end."""
        events = []
        while event := await self.next():
            events.append(event)
        return events

    async def until(self, name: str, **data: Any) -> list[ServerSent]:
        """Return all events up to the first of that name whose data has those items."""
        events = []
        while event := await self.next():
            events.append(event)
            if event.name == name and data.items() <= event.data.items():
                return events
        raise AssertionError(f"no {name} {data} among {events}")

    async def _block(self) -> dict[str, str] | None:
        block: dict[str, str] = {}
        async for line in self._lines:
            if not line:
                return block
            name, _, value = line.partition(":")
            self.comments += not name
            assert name not in block, f"two lines of {name}"
            block[name] = value.removeprefix(" ")
        return None


@asynccontextmanager
async def following(
    gateway: httpx.AsyncClient, prediction_id: str, last_id: str = ""
) -> AsyncIterator[EventStream]:
    """Follow a prediction, from its event ``last_id`` on; cut when the context is left."""
    headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": last_id} if last_id else {})
    async with gateway.stream("GET", f"/predict/{prediction_id}", headers=headers) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "text/event-stream"
        yield EventStream(answer, last_id)
