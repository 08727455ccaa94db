"""docs/amqp.md compared with common/contract: a predictor in any language relies on it."""

import re
from typing import Any, Final

import msgspec
import pytest

from common.asyncapi.messages import HEADERS, PROPERTIES
from common.contract.announcement import ANNOUNCE_EVERY_S, SILENCE_S, Announcement, ModelCard
from common.contract.messages import GIVEN_UP, MAX_MESSAGE_BYTES, MAX_REQUEST_BYTES, MessageType
from common.contract.topology import EXCHANGES, Queue, model_queues, shared_queues
from common.errors import BY_CODE
from common.settings import MODEL_NAME
from tests.unit.docs.markdown import DOCS, code, section, tables

PAGE: Final = DOCS / "amqp.md"
TEXT: Final = PAGE.read_text()
BY_BROKER: Final = {"x-delivery-count"}
"""Headers that no message of ours has when it leaves."""

_EXCHANGES, _QUEUES = tables(section(PAGE, "Exchanges and queues"))


def _arguments(cell: str) -> dict[str, Any]:
    """Return `` `name: value`, `name: value` `` as the arguments of a declaration."""
    pairs = [pair.split(": ") for pair in re.findall(r"`([^`]+)`", cell)]
    return {name: int(value) if value.isdecimal() else value for name, value in pairs}


@pytest.mark.parametrize("queue", shared_queues() + model_queues("<model>", "quorum"))
def test_a_queue_has_the_arguments_that_the_page_gives(queue: Queue) -> None:
    (cell,) = (arguments for name, arguments in _QUEUES if code(name) == queue.name)
    assert _arguments(cell) == queue.arguments


def test_the_page_has_every_exchange_and_every_queue_and_no_other() -> None:
    queues = shared_queues() + model_queues("<model>", "quorum")
    assert {code(name) for name, *_ in _EXCHANGES} == set(EXCHANGES)
    assert {code(name) for name, _ in _QUEUES} == {queue.name for queue in queues}


@pytest.mark.parametrize("row", _EXCHANGES, ids=lambda row: row[0])
def test_an_exchange_is_bound_to_the_queues_that_the_page_names(row: list[str]) -> None:
    name, kind, _, bound = row
    queues = {queue.name for queue in shared_queues() if code(name) in queue.bound_to}
    assert kind == "fanout"
    assert set(re.findall(r"`([^`]+)`", bound)) == queues


def test_the_page_has_every_type_of_message_and_no_other() -> None:
    named = set(re.findall(r"`((?:prediction|predictor|journal)\.[a-z-]+)`", TEXT))
    assert named == {*MessageType} - {MessageType.DEAD_LETTERED}


@pytest.mark.parametrize("name", [*PROPERTIES, *HEADERS, *BY_BROKER, *BY_CODE])
def test_the_page_names_each_property_header_and_code_that_travels(name: str) -> None:
    assert f"`{name}`" in TEXT


def test_the_page_has_the_fields_of_an_announcement_and_of_a_model() -> None:
    _, fields = tables(section(PAGE, "Presence"))
    assert {code(name) for name, _ in fields} == set(Announcement.__struct_fields__)
    (models,) = (meaning for name, meaning in fields if code(name) == "models")
    assert set(ModelCard.__struct_fields__) <= set(re.findall(r"`(\w+)`", models))


def test_only_the_optional_fields_of_the_page_may_be_left_out_of_an_announcement() -> None:
    optional = {
        field.encode_name
        for kind in (Announcement, ModelCard)
        for field in msgspec.structs.fields(kind)
        if not field.required
    }
    assert optional == {"leaving"} | set(ModelCard.__struct_fields__) - {"name"}


def test_the_page_has_the_final_state_for_each_reason_of_a_dead_letter() -> None:
    (reasons,) = tables(section(PAGE, "Dead letters"))
    told = {code(reason): code(ends_as) for reason, ends_as in reasons}
    assert told == {reason: error.code for reason, error in GIVEN_UP.items()}


@pytest.mark.parametrize(
    "said",
    [
        f"`{MODEL_NAME}`",
        f"at most {MAX_MESSAGE_BYTES // 2**20} MiB",
        f"at most {MAX_REQUEST_BYTES // 2**20} MiB",
        f"every {ANNOUNCE_EVERY_S:g} s",
        f"for {SILENCE_S:g} s",
    ],
)
def test_the_page_has_the_limits_of_the_contract(said: str) -> None:
    assert said in TEXT
