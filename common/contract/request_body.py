"""The body of a request: the check of what clients send, and its input. No I/O."""

from typing import Any, Final

import msgspec

from common.contract.json_decoder import JsonDecoder
from common.contract.nesting import nests_deeper
from common.errors import MalformedRequest

MAX_DEPTH: Final = 64
"""The deepest nesting of arrays and objects in an input."""


class _Raw(msgspec.Struct):
    input: msgspec.Raw


_FIELDS: Final[JsonDecoder[dict[str, Any]]] = JsonDecoder(dict[str, Any])
"""Decodes the whole body: a struct would skip the fields beside the input, and predictors get
those too."""


def check_body(body: bytes) -> Any:
    """Check that a client's body is ``{"input": <any JSON value>}``; other fields are allowed.

    Returns the input as Python objects. The check is stricter than Python's ``json``: NaN, lone
    surrogates, invalid UTF-8 and numbers that no double or 4,300-digit integer can hold are
    refused, so that every later reader gets the same value.

    Raises:
        MalformedRequest: the sentence has the reason and its place in the body.
    """
    if not body:
        raise MalformedRequest('The body is empty; send JSON like {"input": [1, 2]}.')
    try:
        fields = _FIELDS.decode(body)
    except RecursionError:
        raise _too_deep() from None
    except msgspec.ValidationError as exc:
        raise MalformedRequest(f'The body must be JSON like {{"input": [1, 2]}}: {exc}.') from exc
    except (msgspec.DecodeError, UnicodeDecodeError) as exc:
        raise MalformedRequest(
            f"The body is not valid JSON ({exc}); NaN, Infinity and lone surrogates are not either."
        ) from exc
    if "input" not in fields:
        raise MalformedRequest('The body has no "input"; send JSON like {"input": [1, 2]}.')
    if nests_deeper(body, MAX_DEPTH + 1):  # the body itself is one level
        raise _too_deep()
    return fields["input"]


def _too_deep() -> MalformedRequest:
    return MalformedRequest(f"The input is nested deeper than {MAX_DEPTH} levels.")


def input_of(body: bytes) -> bytes:
    """Return the bytes of ``input`` in the body of a request.

    Raises:
        MalformedRequest: the body is not JSON or has no ``input``.
    """
    try:
        return bytes(msgspec.json.decode(body, type=_Raw).input)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
        raise MalformedRequest(f"The request's body has no readable input: {exc}.") from exc
