"""References of a schema into itself: JSON pointers (RFC 6901) are followed, offline."""

from typing import Any
from urllib.parse import unquote


def target(root: Any, reference: str) -> Any:
    """Return the subschema of ``root`` that a reference names; None if there is none.

    An anchor, and an address relative to an ``$id``, stand for the schema that fits everything.
    """
    if reference in ("", "#"):
        return root
    if not reference.startswith("#/"):
        return True
    found = root
    for step in unquote(reference).removeprefix("#/").split("/"):
        found = _member(found, step.replace("~1", "/").replace("~0", "~"))
    return found if isinstance(found, dict | bool) else None


def _member(value: Any, name: str) -> Any:
    if isinstance(value, dict):
        return value.get(name)
    is_place = isinstance(value, list) and name.isascii() and name.isdecimal() and len(name) < 10
    return value[int(name)] if is_place and int(name) < len(value) else None
