"""The check of a schema that a predictor announces: offline, and in bounded time."""

import itertools
from collections.abc import Iterable, Iterator
from typing import Any, Final
from urllib.parse import urljoin

import jsonschema_rs

from common.errors import MalformedRequest
from gateway.registry.schema.keywords import NAMED, ONE, SEVERAL
from gateway.registry.schema.references import target

MAX_VALUES: Final = 20_000
"""JSON values in one schema: a table of 5,000 columns has 15,000."""

MAX_ADDRESSES: Final = 1_000
MAX_ADDRESS_CHARS: Final = 256
"""Each ``$id``, and each reference to one, is joined with the base of the schema."""

_META_SCHEMAS: Final = frozenset(
    [f"https://json-schema.org/draft/{draft}/schema" for draft in ("2020-12", "2019-09")]
    + [f"http://json-schema.org/draft-{draft:02}/schema" for draft in (7, 6, 4)]
)
"""The published meta-schemas, which the library has; any other one it would fetch."""


def check_schema(schema: Any) -> None:
    """Check that a schema is complete in itself and follows its meta-schema.

    The schema must not nest deeper than Python's stack: ``cards.py`` looks at that first.

    Raises:
        MalformedRequest: it does not; the sentence says why.
    """
    if _has_more_values(schema, MAX_VALUES):
        raise MalformedRequest(f"A schema has more than {MAX_VALUES} values.")
    parts = list(subschemas(schema))
    if not all(_is_known(part["$schema"]) for part in parts if "$schema" in part):
        raise MalformedRequest("A schema names a $schema that is none of JSON Schema's own.")
    if not jsonschema_rs.meta.is_valid(schema):
        raise MalformedRequest("A schema does not follow its meta-schema.")
    addresses = list(_addresses(parts))
    if len(addresses) > MAX_ADDRESSES or max(map(len, addresses), default=0) > MAX_ADDRESS_CHARS:
        raise MalformedRequest(
            f"A schema has more than {MAX_ADDRESSES} addresses, or one that is longer than "
            f"{MAX_ADDRESS_CHARS} characters."
        )
    if not _is_complete(parts):
        raise MalformedRequest("A schema refers to a part that it does not have.")
    for part in parts:
        if "discriminator" in part and not _is_discriminator(part["discriminator"]):
            raise MalformedRequest("A schema has a discriminator that is none of OpenAPI.")


def subschemas(schema: Any) -> Iterator[dict[str, Any]]:
    """Yield a schema and all that are in it, but for ``true`` and ``false``; itself is the first.

    What is no schema where one should be is left out.
    """
    waiting = [schema]
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            yield part
            for word, value in part.items():
                if word in NAMED and isinstance(value, dict):
                    waiting += value.values()
                elif word in SEVERAL and isinstance(value, list):
                    waiting += value
                elif word in ONE:
                    waiting.append(value)


def has_resources(parts: Iterable[dict[str, Any]]) -> bool:
    """Return whether one of the ``subschemas`` of a schema has an address of its own."""
    return any("$id" in part or "id" in part for part in itertools.islice(parts, 1, None))


def _has_more_values(schema: Any, limit: int) -> bool:
    waiting, count = [schema], 0
    while waiting and count <= limit:
        part = waiting.pop()
        count += 1
        if isinstance(part, dict):
            waiting += part.values()
        elif isinstance(part, list):
            waiting += part
    return count > limit


def _is_known(dialect: Any) -> bool:
    return isinstance(dialect, str) and dialect.removesuffix("#") in _META_SCHEMAS


def _addresses(parts: list[dict[str, Any]]) -> Iterator[str]:
    for part in parts:
        for word in (*_IDS, *_REFERENCES):
            address = part.get(word)
            if isinstance(address, str) and not address.startswith("#"):
                yield address


def _is_discriminator(value: Any) -> bool:
    if not isinstance(value, dict) or not isinstance(value.get("propertyName"), str):
        return False
    mapping = value.get("mapping", {})
    return isinstance(mapping, dict) and all(isinstance(each, str) for each in mapping.values())


def _is_complete(parts: list[dict[str, Any]]) -> bool:
    try:
        names = _Names(parts)
        return all(names.has(part[word]) for part in parts for word in _REFERENCES if word in part)
    except ValueError:  # an id or a reference is not an address
        return False


class _Names:
    """The names that references within one schema can use."""

    def __init__(self, parts: list[dict[str, Any]]) -> None:
        ids = [part[word] for part in parts for word in _IDS if isinstance(part.get(word), str)]
        self._root = parts[0] if parts else {}
        self._base = str(self._root.get("$id", self._root.get("id", "")))
        self._has_resources = has_resources(parts)
        self._local = {"#", *ids}
        self._local |= {f"#{part[word]}" for part in parts for word in _ANCHORS if word in part}
        self._resources = {urljoin(self._base, each) for each in ids} | {self._base}

    def has(self, reference: Any) -> bool:
        """Return whether a reference leads to a part of the schema.

        Raises:
            ValueError: it is not an address.
        """
        if not isinstance(reference, str):
            return False
        if not reference.startswith("#"):
            return urljoin(self._base, reference).partition("#")[0] in self._resources
        if self._has_resources:  # it counts from the one that it is in
            return True
        if reference.startswith("#/"):
            return target(self._root, reference) is not None
        return reference in self._local


_IDS: Final = ("$id", "id")
_ANCHORS: Final = ("$anchor", "$dynamicAnchor")
_REFERENCES: Final = ("$ref", "$dynamicRef", "$recursiveRef")
