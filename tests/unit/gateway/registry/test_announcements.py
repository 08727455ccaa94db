"""Announcements as input: whatever a client of the broker publishes, good cards are served."""

import asyncio
import gc
import time
from typing import Any, Final

import msgspec
import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from common.amqp.channel import Delivery
from common.contract.announcement import MAX_ANNOUNCEMENT_BYTES
from common.contract.messages import Message, MessageType
from gateway.registry.announcements import AnnouncementReader
from gateway.registry.cards import MAX_CARD_BYTES
from gateway.registry.replicas import ReplicaTable
from tests.support.fakes.scripted import ScriptedChannel
from tests.unit.common.contract.test_announcement import JSON, LEAST
from tests.unit.gateway.registry.schema.test_wellformed import HOSTILE

GOOD: Final = {"name": "good", "input_schema": {"type": "integer"}}
FIELDS: Final = ("name", "version", "takes_batches", "input_schema", "output_schema")


class AnnouncementWorld:
    """A table of replicas, and the reader of what a test announces."""

    def __init__(self) -> None:
        self.table = ReplicaTable(time.monotonic)
        self.reader = AnnouncementReader(self.table)

    async def deliver(self, *bodies: Any) -> list[float]:
        """Deliver announcements; return the processor time of each turn until all are read."""
        turns = []
        for body in bodies:
            text = body if isinstance(body, bytes) else msgspec.json.encode(body)
            began_s = time.thread_time()
            message = Message(type=MessageType.ANNOUNCEMENT, body=text, correlation_id="")
            self.reader.put(Delivery(message, ScriptedChannel(), 1))
            turns.append(time.thread_time() - began_s)
        while not self.reader.is_idle:
            began_s = time.thread_time()
            await asyncio.sleep(0)
            turns.append(time.thread_time() - began_s)
        return turns

    @property
    def served(self) -> list[str]:
        """The models that are served."""
        known = (card.name for card in self.table.cards())
        return [name for name in known if self.table.serving(name)]


def delivered(*bodies: Any) -> AnnouncementWorld:
    """Deliver announcements to a new registry."""
    world = AnnouncementWorld()
    asyncio.run(world.deliver(*bodies))
    return world


def with_models(*models: Any) -> dict[str, Any]:
    """Return the body of an announcement of models."""
    return LEAST | {"models": models}


@pytest.mark.parametrize(
    "card",
    [
        *(None, 1, "x", [], {}, {"version": "1"}),
        *({"name": name} for name in ("", "a/b", "ä", "x" * 65, "../livez", "a b", None, 1, ["a"])),
        *({"name": "odd", field: 1} for field in FIELDS[1:]),
        *({"name": "odd", field: [None]} for field in FIELDS[1:]),
        {"name": "odd", "version": "x" * 257},
        {"name": "odd", "input_schema": {"$schema": "http://127.0.0.1:9/schema"}},
        {"name": "odd", "output_schema": {"$ref": "file:///etc/hostname"}},
        {"name": "odd", "input_schema": {"type": "nonsense"}},
        {"name": "odd", "input_schema": {"title": "x" * MAX_CARD_BYTES}},
        {"name": "odd", "output_schema": {"discriminator": {"propertyName": "a", "mapping": [1]}}},
        {"name": "odd", "input_schema": msgspec.json.decode(99 * b'{"not":' + b"1" + 99 * b"}")},
        {"name": "odd", "input_schema": msgspec.json.decode(900 * b'{"not":' + b"1" + 900 * b"}")},
    ],
    ids=lambda card: str(card)[:60],
)
def test_a_card_that_is_no_good_is_left_out_logged_and_counted_and_the_others_stay(
    card: Any,
) -> None:
    with structlog.testing.capture_logs() as logs:
        world = delivered(with_models(GOOD, card))
    assert world.served == ["good"]
    assert world.reader.refused == 1
    assert [(line["replica"], line["count"]) for line in logs] == [("r", 1)]
    assert len(logs[0]["reason"]) < 500


def test_a_card_that_is_no_good_is_counted_each_time_it_is_announced() -> None:
    bad = with_models(GOOD, {"name": "odd", "input_schema": {"type": "nonsense"}})
    world = delivered(*[bad] * 3)
    assert world.reader.refused == 3


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"{", b"\xff", b"[" * 100_000, b"null", [LEAST]),
        LEAST | {"replica_id": "x" * 257},
        LEAST | {"models": {"name": "m"}},
        LEAST | {"concurrency": 10**30},
        b'{"models": [' + b" " * MAX_ANNOUNCEMENT_BYTES + b"]}",
    ],
    ids=lambda body: str(body)[:40],
)
def test_a_message_that_is_no_announcement_is_logged_and_counted(body: Any) -> None:
    with structlog.testing.capture_logs() as logs:
        world = delivered(with_models(GOOD), body)
    assert (world.served, world.reader.refused) == (["good"], 1)
    assert [line["event"] for line in logs] == ["not an announcement"]


def test_more_announcements_than_fit_are_left_out_and_reading_goes_on() -> None:
    many = with_models(*({"name": f"m{n}"} for n in range(5000)))
    large = with_models(GOOD) | {"comment": "x" * (MAX_ANNOUNCEMENT_BYTES - 2000)}
    with structlog.testing.capture_logs() as logs:
        world = delivered(many, *[large] * 8)
    assert world.reader.refused == len(logs) == 4
    assert {line["event"] for line in logs} == {"announcement left out"}
    assert len(world.served) == 5001
    asyncio.run(world.deliver(with_models({"name": "later"})))
    assert "later" in world.served


CARDS: Final = st.fixed_dictionaries({}, optional=dict.fromkeys(FIELDS, JSON)) | JSON
BODIES: Final = (
    st.binary(max_size=200)
    | JSON.map(msgspec.json.encode)
    | st.fixed_dictionaries(
        {}, optional={field: st.just(value) | JSON for field, value in LEAST.items()}
    )
    | st.lists(CARDS, max_size=3).map(lambda cards: with_models(*cards))
)


@given(st.lists(BODIES, max_size=4))
def test_no_bytes_that_are_announced_raise_or_keep_good_cards_from_being_served(
    bodies: list[Any],
) -> None:
    world = delivered(*bodies, with_models(GOOD))
    assert "good" in world.served
    assert [card.name for card in world.table.cards()] == sorted(
        {card.name for card in world.table.cards()}
    )


def longest_turn_s(*bodies: Any) -> float:
    """Return the longest turn of the loop that announcements take, at best.

    The garbage of the other tests is not theirs.
    """
    gc.disable()
    try:
        return min(max(asyncio.run(AnnouncementWorld().deliver(*bodies))) for _ in range(3))
    finally:
        gc.enable()


def table(columns: int) -> dict[str, Any]:
    """Return a harmless card, of a table."""
    properties = {f"column{n}": {"type": "number"} for n in range(columns)}
    return {"name": "table", "input_schema": {"type": "object", "properties": properties}}


@pytest.mark.parametrize("name", HOSTILE)
def test_no_schema_blocks_the_loop_much_longer_than_a_harmless_one(name: str) -> None:
    hostile = with_models({"name": "m", "input_schema": HOSTILE[name]})
    assert longest_turn_s(hostile) < 5 * longest_turn_s(with_models(table(6000)))


@pytest.mark.parametrize(
    "body",
    [
        with_models(*({"name": f"m{n}"} for n in range(11_000))),
        with_models(*({"name": f"m{n}"} | GOOD | {"name": f"m{n}"} for n in range(4000))),
        with_models(*({"name": "m", "version": str(n)} for n in range(4000))),
        with_models(*({"name": f"/{n}"} for n in range(10_000))),
        with_models(*(table(20) | {"name": f"m{n}"} for n in range(1000))),
        LEAST | {"unknown": [1e308] * 600_000},
        with_models({"name": "m", "input_schema": {"default": [1e308] * 80_000}}),
        with_models({"name": "m", "input_schema": {"default": 4299 * "9"}}),
        with_models([1e308] * 600_000),
        b'{"models": [' + b"[" * 1_000_000,
        b"[" * 4_000_000,
        b" " * 4_000_000,
        b'"' + b"\\u0041" * 600_000,
    ],
    ids=range(13),
)
def test_no_announcement_blocks_the_loop_much_longer_than_a_harmless_one_of_its_size(
    body: Any,
) -> None:
    harmless = LEAST | {"comment": "x" * 3_000_000, "models": [table(6000)]}
    assert longest_turn_s(body) < 5 * longest_turn_s(harmless)
