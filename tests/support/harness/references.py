"""The references of a JSON document, listed and resolved."""

from collections.abc import Iterator
from typing import Any


def references(part: Any) -> Iterator[str]:
    """Yield every ``$ref`` in a document."""
    if isinstance(part, dict):
        if isinstance(part.get("$ref"), str):
            yield part["$ref"]
        part = list(part.values())
    if isinstance(part, list):
        for each in part:
            yield from references(each)


def resolved(document: Any, reference: str) -> Any:
    """Return the part of ``document`` that a reference names; a KeyError if there is none."""
    found = document
    for step in reference.removeprefix("#/").split("/"):
        found = found[step]
    return found
