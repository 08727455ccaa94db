"""The codec of announcements, and announcements of other versions."""

from typing import Any, Final

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.contract.announcement import Announcement, ModelCard, roll_call
from common.contract.messages import Message, MessageType
from common.errors import MalformedRequest

TEXT: Final = st.text(st.characters(blacklist_categories=["Cs"]), max_size=20)
JSON: Final = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=10,
)
SCHEMAS: Final = st.dictionaries(TEXT, JSON, max_size=3)
CARDS: Final = st.builds(
    ModelCard, name=TEXT, version=TEXT, input_schema=SCHEMAS, output_schema=SCHEMAS
)
COUNTS: Final = st.integers(0, 2**63 - 1)
ANNOUNCEMENTS: Final = st.builds(
    Announcement,
    replica_id=TEXT,
    host=TEXT,
    isolation=TEXT,
    concurrency=COUNTS,
    max_batch=COUNTS,
    predictions=COUNTS,
    models=st.lists(CARDS, max_size=3).map(tuple),
    leaving=st.booleans(),
)
LEAST: Final[dict[str, Any]] = {
    "replica_id": "r",
    "host": "h",
    "isolation": "thread",
    "concurrency": 1,
    "max_batch": 1,
    "predictions": 0,
    "models": [{"name": "demo"}],
}


def message(body: Any) -> Message:
    """Return an announcement with any body, as an unknown predictor may publish it."""
    text = body if isinstance(body, bytes) else msgspec.json.encode(body)
    return Message(type=MessageType.ANNOUNCEMENT, body=text, correlation_id="r")


@given(ANNOUNCEMENTS)
def test_an_announcement_is_read_as_it_was_written(announcement: Announcement) -> None:
    assert Announcement.from_message(announcement.to_message()) == announcement


def test_fields_of_a_later_version_of_an_announcement_are_ignored() -> None:
    card = {"name": "demo", "version": "2", "licence": "MIT"}
    newer = LEAST | {"gpu": {"count": 1}, "models": [card]}
    announcement = Announcement.from_message(message(newer))
    assert announcement.models == (ModelCard(name="demo", version="2"),)
    assert announcement == Announcement.from_message(message(LEAST | {"models": [card]}))


def test_an_announcement_without_leaving_stays_and_one_without_schemas_has_empty_ones() -> None:
    announcement = Announcement.from_message(message(LEAST))
    assert not announcement.leaving
    assert announcement.models == (
        ModelCard(name="demo", version="", input_schema={}, output_schema={}),
    )


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{nope",
        b'"\xff"',
        b'{"replica_id": "\xff"}',
        b"[" * 100_000,
        b"null",
        [LEAST],
        LEAST | {"concurrency": "1"},
        LEAST | {"predictions": None},
        LEAST | {"models": {"name": "demo"}},
        LEAST | {"models": [{"version": "1"}]},
        LEAST | {"models": [{"name": "demo", "input_schema": True}]},
        LEAST | {"leaving": 1},
        *[{name: LEAST[name] for name in LEAST if name != missing} for missing in LEAST],
    ],
)
def test_a_body_that_is_no_announcement_is_refused(body: Any) -> None:
    with pytest.raises(MalformedRequest, match=r"The announcement cannot be read: "):
        Announcement.from_message(message(body))


@pytest.mark.parametrize("kind", ["", "predictor.roll-call", "prediction.request"])
def test_a_message_of_another_type_is_no_announcement_whatever_its_body(kind: str) -> None:
    other = msgspec.structs.replace(message(LEAST), type=kind)
    with pytest.raises(MalformedRequest, match=f"type is '{kind}'"):
        Announcement.from_message(other)


def test_a_roll_call_has_its_type_and_an_empty_body() -> None:
    assert (roll_call().type, roll_call().body) == (MessageType.ROLL_CALL, b"")
