"""The ``Idempotency-Key`` header: draft-ietf-httpapi-idempotency-key-header, section 2.1."""

import re
from collections.abc import Sequence
from typing import Final

from common.errors import MalformedHeader

_ESCAPED: Final = re.compile(r"\\(.)")
_QUOTED: Final = re.compile(r'"((?:[ !#-\[\]-~]|\\["\\])*)"')  # RFC 9651, section 3.3.3
_PLAIN: Final = re.compile(r"[ -~]{1,255}")


def read_idempotency_key(fields: Sequence[str]) -> str | None:
    """The key that a request's fields of that name give; None if there is none.

    The draft has it as a structured field, a string in quotes; most clients send it without them,
    and mean the same key.

    Raises:
        MalformedHeader: it is not one key of 1 to 255 printable ASCII characters.
    """
    if not fields:
        return None
    key = fields[0].strip(" \t")
    if key.startswith('"'):
        quoted = _QUOTED.fullmatch(key)
        key = _ESCAPED.sub(r"\1", quoted[1]) if quoted else ""
    if len(fields) > 1 or not _PLAIN.fullmatch(key):
        raise MalformedHeader(
            "Idempotency-Key has to be one key of 1 to 255 printable ASCII characters."
        )
    return key
