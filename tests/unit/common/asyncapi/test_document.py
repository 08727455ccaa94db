"""The AsyncAPI document against the contract that the code declares and encodes."""

import warnings
from typing import Any, Final

import jsonschema_rs
import msgspec
import pytest
from msgspec import structs

from common.asyncapi import asyncapi
from common.contract.announcement import Announcement, ModelCard, roll_call
from common.contract.claim import ClaimBody, accepted_message
from common.contract.messages import CANCELLED, GIVEN_UP, Message, MessageType, Reply, Request
from common.contract.progress import Progress, started
from common.contract.timing import Timing
from common.contract.topology import EXCHANGES, SyncQueueType, model_queues, shared_queues
from common.errors import BY_CODE
from tests.support.harness.properties import published_properties
from tests.support.harness.references import references, resolved

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of fields named as pydantic's own
    from asyncapi3.models.asyncapi import AsyncAPI3  # type: ignore[import-untyped]  # has no types

REQUEST: Final = Request(
    correlation_id="id",
    body=b'{"input": [1, 2], "note": ""}',
    reply_to="somewhere",
    expiration_ms=1500,
    timestamp_s=1_700_000_000,
    traceparent="00-" + "1" * 32 + "-" + "2" * 16 + "-01",
    tracestate="vendor=1",
).to_message()

ANNOUNCEMENT: Final = Announcement(
    replica_id="id",
    host="here",
    isolation="thread",
    concurrency=1,
    max_batch=1,
    predictions=7,
    models=(ModelCard(name="m", input_schema={"type": "string"}),),
)

TIMING: Final = Timing.of(0.001, 0.002)

PROGRESS: Final = ((0, ""), (0.5, "half"), (1, "x" * 999))

NEVER_TRAVEL: Final = {MessageType.DEAD_LETTERED}

ENCODED: Final[dict[str, list[Message]]] = {
    "request": [REQUEST],
    "dead-letter": [
        structs.replace(
            REQUEST,
            expiration_ms=None,  # RabbitMQ removes it
            headers=REQUEST.headers | {"x-first-death-reason": reason},
        )
        for reason in GIVEN_UP
    ],
    "succeeded": [
        structs.replace(Reply.succeeded(b"[1, 2]", b'"3"'), timing=TIMING).to_message(
            "id", 1_700_000_000
        )
    ],
    "failed": [
        structs.replace(Reply.failed(error("x" * 2000)), timing=TIMING).to_message(
            "id", 1_700_000_000
        )
        for error in BY_CODE.values()
    ],
    "cancelled": [CANCELLED.to_message("id", 1_700_000_000)],
    "started": [started("id", 1_700_000_000)],
    "progress": [
        Progress.of(part, note).to_message("id", 1_700_000_000) for part, note in PROGRESS
    ],
    "claim": [ClaimBody("0" * 32, "f" * 32).to_message("id", 1_700_000_000)],
    "released": [ClaimBody("0" * 32, "f" * 32).released("id", 1_700_000_000)],
    "accepted": [accepted_message("id", 1_700_000_000)],
    "marker": [
        Message(type=MessageType.MARKER, body=b"", correlation_id="id", timestamp_s=1_700_000_000)
    ],
    "announcement": [ANNOUNCEMENT.to_message()],
    "roll-call": [roll_call()],
}
"""Messages of each kind, by their names in the document."""

TRACED: Final = ("succeeded", "failed", "cancelled", "claim", "accepted", "released")
"""Messages that are published as part of a call, and so carry a trace context."""

for name in TRACED:
    ENCODED[name] = [
        structs.replace(message, headers=message.headers | REQUEST.headers)
        for message in ENCODED[name]
    ]


@pytest.fixture(params=["quorum", "classic"])
def sync_type(request: pytest.FixtureRequest) -> SyncQueueType:
    kind: SyncQueueType = request.param
    return kind


@pytest.fixture
def document(sync_type: SyncQueueType) -> dict[str, Any]:
    decoded: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(asyncapi(sync_type, "1.2.3")))
    return decoded


def sent(message: Message) -> dict[str, Any]:
    """Return the AMQP properties that a message is published with, by their names in AMQP."""
    raw = published_properties(message, "a message id")
    values = {name: getattr(raw, name) for name in raw.attributes() if name != "headers"}
    found = {name: value for name, value in values.items() if value not in (None, "")}
    found["type"] = found.pop("message_type")
    if "timestamp" in found:
        found["timestamp"] = int(found["timestamp"].timestamp())
    return found


def test_the_document_is_valid_asyncapi(document: dict[str, Any]) -> None:
    AsyncAPI3.model_validate(document)
    assert document["info"]["version"] == "1.2.3"
    found = set(references(document))
    assert found
    for reference in found:
        assert resolved(document, reference) is not None


def test_the_document_has_every_queue_with_its_arguments_and_no_other(
    document: dict[str, Any], sync_type: SyncQueueType
) -> None:
    described = {}
    for channel in document["channels"].values():
        queue = channel["bindings"]["amqp"].get("queue")
        if queue and not queue["exclusive"]:
            assert (queue["durable"], queue["autoDelete"]) == (True, False)
            assert channel["address"] == queue["name"]
            described[queue["name"]] = channel["x-arguments"], tuple(channel["x-bound-to"])
    assert described == {
        queue.name: (queue.arguments, queue.bound_to)
        for queue in shared_queues() + model_queues("{model}", sync_type)
    }


def test_the_document_has_every_exchange_and_no_other(document: dict[str, Any]) -> None:
    bindings = [channel["bindings"]["amqp"] for channel in document["channels"].values()]
    exchanges = [binding["exchange"] for binding in bindings if "exchange" in binding]
    assert {exchange["name"] for exchange in exchanges} == set(EXCHANGES)
    assert all(exchange["type"] == "fanout" and exchange["durable"] for exchange in exchanges)


def test_only_the_reply_queue_is_exclusive_and_has_no_address(
    document: dict[str, Any],
) -> None:
    exclusive = [
        channel
        for channel in document["channels"].values()
        if channel["bindings"]["amqp"].get("queue", {}).get("exclusive")
    ]
    assert [channel["address"] for channel in exclusive] == [None]


def test_the_document_has_every_message_type_and_each_is_in_a_channel(
    document: dict[str, Any],
) -> None:
    messages = document["components"]["messages"]
    types = {message["bindings"]["amqp"]["messageType"] for message in messages.values()}
    assert types == set(MessageType) - NEVER_TRAVEL
    travelling = {
        reference["$ref"].rpartition("/")[2]
        for channel in document["channels"].values()
        for reference in channel["messages"].values()
    }
    assert travelling == set(messages) == set(ENCODED)


@pytest.mark.parametrize("name", ENCODED)
def test_a_message_has_the_properties_and_headers_that_it_is_published_with(
    document: dict[str, Any], name: str
) -> None:
    described = document["components"]["messages"][name]
    for message in ENCODED[name]:
        properties_sent = sent(message)
        assert set(properties_sent) == set(described["x-properties"]["properties"])
        assert set(properties_sent) == set(described["x-properties"]["required"])
        jsonschema_rs.validate(described["x-properties"], properties_sent)
        assert set(message.headers) == set(described["headers"]["properties"])
        jsonschema_rs.validate(described["headers"], message.headers)


@pytest.mark.parametrize("name", ENCODED)
def test_a_body_is_valid_by_the_schema_of_its_message(document: dict[str, Any], name: str) -> None:
    payload = document["components"]["messages"][name].get("payload")
    for message in ENCODED[name]:
        if payload is None:
            assert message.body == b""
        else:
            schema = payload | {"components": document["components"]}
            jsonschema_rs.validate(schema, msgspec.json.decode(message.body))
