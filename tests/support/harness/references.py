"""Follow the references of a JSON document."""

from collections.abc import Iterator
from typing import Any


def references(part: Any) -> Iterator[str]:
    """Every ``$ref`` in a document."""
    if isinstance(part, dict):
        if isinstance(part.get("$ref"), str):
            yield part["$ref"]
        part = list(part.values())
    if isinstance(part, list):
        for each in part:
            yield from references(each)


def resolved(document: Any, reference: str) -> Any:
    """What a reference within ``document`` refers to; a KeyError if that is nothing."""
    found = document
    for step in reference.removeprefix("#/").split("/"):
        found = found[step]
    return found
