"""Announced schemas: those that are no good are refused offline, in the time of good ones."""

import socket
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest

from common.errors import MalformedRequest
from gateway.registry.schema.wellformed import (
    MAX_ADDRESS_CHARS,
    MAX_ADDRESSES,
    MAX_VALUES,
    check_schema,
)
from predictor_service.models.signature import schema_of
from tests.unit.gateway.registry.test_input_schema import TYPES

DOUBLING: Final[dict[str, Any]] = {
    "$ref": "#/$defs/a0",
    "$defs": {"a30": {"type": "integer"}}
    | {f"a{n}": {"allOf": 2 * [{"$ref": f"#/$defs/a{n + 1}"}]} for n in range(30)},
}
HOSTILE: Final[dict[str, Any]] = {
    "many schemas": {"allOf": (MAX_VALUES - 10) * [{}]},
    "malformed ones": {"allOf": (MAX_VALUES // 3) * [{"type": "nonsense"}]},
    "many constants": {"enum": [[n] for n in range(MAX_VALUES // 3)]},
    "wide": {"properties": {f"column{n}": {"type": "number"} for n in range(MAX_VALUES // 3)}},
    "many references": {"anyOf": (MAX_VALUES // 3) * [{"$ref": "#/anyOf/0"}]},
    "huge pattern": {"pattern": "(((a{1,1000}){1,1000}){1,1000})"},
    "huge patterns of names": {"patternProperties": {"(((a{1,1000}){1,1000}){1,1000})": {}}},
    "backtracking": {"pattern": r"(a+)+\1$"},
    "doubling": DOUBLING,
    "a circle": {"$ref": "#"},
    "giant numbers": {"minimum": 10**4000, "maximum": 1e308, "multipleOf": 5e-324},
    "deep negations": msgspec.json.decode(45 * b'{"not":' + b"{}" + 45 * b"}"),
    "one hash": {"enum": [n * sys.hash_info.modulus for n in range(1, MAX_VALUES - 10)]},
    "a long base": {
        "$id": f"urn:{'a/' * 100_000}",
        "$defs": {f"d{n}": {"$id": f"{n}"} for n in range(3000)},
    },
    "a longest base": {
        "$id": f"http://a/{'b/' * (MAX_ADDRESS_CHARS // 2 - 5)}",
        "$defs": {
            f"d{n}": {"$id": f"../{n}", "$ref": f"{n}"} for n in range(MAX_ADDRESSES // 2 - 1)
        },
    },
    "a long pointer": {"$ref": "#/" + "~01%25/" * 50_000},
    "resources": {"$defs": {f"d{n}": {"$id": f"urn:{n}"} for n in range(MAX_VALUES // 4)}},
}


@pytest.mark.parametrize(
    "schema",
    [
        *({"type": "nonsense"}, {"minimum": "0"}, {"properties": [1]}, {"$defs": [1]}, [1], "x"),
        *({"$ref": "#/$defs/nowhere"}, {"$ref": "#nowhere"}, {"$ref": "elsewhere"}, {"$ref": 3}),
        *({"$ref": "http://127.0.0.1:9/schema"}, {"$ref": "file:///etc/hostname"}),
        {"$ref": Path(__file__).as_uri()},
        *({"$dynamicRef": "#nowhere"}, {"$dynamicRef": "http://127.0.0.1:9/schema#a"}),
        {"$id": "http://127.0.0.1:9/", "$ref": "http://127.0.0.1:9/schema"},
        *({"$id": "http://[", "$ref": "b"}, {"$ref": "http://["}),
        *({"$schema": "http://127.0.0.1:9/schema"}, {"$schema": "file:///etc/hostname"}),
        *({"$schema": "urn:unknown"}, {"$schema": ""}, {"$schema": 3}, {"$schema": None}),
        {"$schema": "https://json-schema.org/draft/2020-12/schema?"},
        {"items": {"$id": "urn:a", "$schema": "http://127.0.0.1:9/schema"}},
        *({"discriminator": "type"}, {"discriminator": {}}, {"discriminator": {"mapping": {}}}),
        {"discriminator": {"propertyName": "a", "mapping": ["#/$defs/a"]}},
        {"discriminator": {"propertyName": "a", "mapping": {"a": 1}}},
        {"$defs": {"a": {"discriminator": {"propertyName": 1}}}},
        {"enum": list(range(MAX_VALUES))},
        {"$id": "urn:" + MAX_ADDRESS_CHARS * "a"},
        {"$defs": {f"d{n}": {"$id": f"urn:{n}"} for n in range(MAX_ADDRESSES + 1)}},
        {"$defs": {"a": {"$ref": "http://a.example/" + MAX_ADDRESS_CHARS * "a"}}},
    ],
    ids=lambda schema: str(schema)[:60],
)
def test_a_schema_that_is_no_good_is_refused(schema: Any) -> None:
    with pytest.raises(MalformedRequest) as refused:
        check_schema(schema)
    assert refused.value.sentence.startswith("A schema ")


@pytest.mark.parametrize("keyword", ["$schema", "$ref", "$dynamicRef", "$id", "$vocabulary"])
def test_no_address_in_a_schema_is_fetched(keyword: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        address = f"http://127.0.0.1:{server.getsockname()[1]}/schema"
        value = {address: True} if keyword == "$vocabulary" else address
        for schema in ({keyword: value}, {"items": {keyword: value, "$id": "urn:a"}}):
            with suppress(MalformedRequest):
                check_schema(schema)
        with pytest.raises(BlockingIOError):
            server.accept()


@pytest.mark.parametrize(
    "schema",
    [
        *map(schema_of, TYPES),
        *({}, True, {"$ref": "#"}, {"allOf": [{"$ref": "#"}]}, DOUBLING),
        {"$schema": "http://json-schema.org/draft-04/schema#", "id": "http://a.example/b"},
        {"$schema": "http://json-schema.org/draft-07/schema", "definitions": {"a": True}},
        {"$id": "http://a.example/", "$ref": "b", "$defs": {"b": {"$id": "b", "type": "null"}}},
        {"$anchor": "a", "items": {"$ref": "#a"}},
        {"$id": "urn:" + (MAX_ADDRESS_CHARS - 4) * "a"},
        {"$defs": {999 * "a": {}}, "$ref": "#/$defs/" + 999 * "a"},
        {"$dynamicAnchor": "a", "items": {"$dynamicRef": "#a"}},
        {"properties": {"$ref": {}, "$schema": {}, "$id": {}, "discriminator": {"mapping": [1]}}},
        {"default": {"$ref": "#/nowhere"}, "examples": [{"$schema": 3}]},
        {"$defs": {"a/b~c d": {"type": "null"}}, "$ref": "#/$defs/a~1b~0c%20d"},
        {
            "oneOf": [{"type": "null"}],
            "discriminator": {"propertyName": "a", "mapping": {"b": "c"}},
        },
    ],
    ids=lambda schema: str(schema)[:60],
)
def test_a_good_schema_is_taken(schema: Any) -> None:
    check_schema(schema)


def seconds(schema: Any) -> float:
    """Return the processor time that a schema takes, at best."""
    best_s = float("inf")
    for _ in range(3):
        began_s = time.thread_time()
        with suppress(MalformedRequest):
            check_schema(schema)
        best_s = min(best_s, time.thread_time() - began_s)
    return best_s


@pytest.mark.parametrize("name", HOSTILE)
def test_no_schema_takes_much_longer_than_a_harmless_one_of_the_same_size(name: str) -> None:
    """The largest that is taken: a table with as many columns as there may be."""
    harmless = {"properties": {f"c{n}": {"type": "number"} for n in range((MAX_VALUES - 3) // 2)}}
    assert seconds(HOSTILE[name]) < 5 * seconds(harmless)
