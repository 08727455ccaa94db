"""Errors as responses: statuses from the one table, meanings from the docstrings of the classes."""

from collections.abc import Iterable, Iterator
from functools import cache
from http import HTTPStatus
from typing import Any, Final

from common.errors import PredictionError
from common.http.error_response import CORRELATION_HEADER, JSON, PROBLEM_JSON
from gateway.api.openapi.schemas import reference
from gateway.web.errors import STATUS, http_code

_HEADERS: Final = {
    "rate_limited": ("Retry-After",),
    "unauthorized": ("WWW-Authenticate",),
    "unavailable": ("Retry-After",),
}
"""The headers of some errors, by code."""


def error_responses(
    errors: Iterable[str | HTTPStatus], extra_headers: tuple[str, ...] = ()
) -> dict[str, Any]:
    """Build the responses of some errors by status, in both content types.

    ``extra_headers`` are headers that each response may have.
    """
    by_status: dict[int, list[str]] = {}
    for error in errors:
        if isinstance(error, HTTPStatus):
            by_status.setdefault(error, []).append(http_code(error))
        else:
            by_status.setdefault(STATUS[error], []).append(error)
    return {
        str(int(status)): _response(by_status[status], extra_headers)
        for status in sorted(by_status)
    }


def _response(codes: list[str], extra_headers: tuple[str, ...]) -> dict[str, Any]:
    meanings = _meanings()
    lines = (
        f"- `{code}`: {meanings[code]}" if code in meanings else f"- `{code}`" for code in codes
    )
    problem = reference("schemas", "Problem") | {"properties": {"code": {"enum": codes}}}
    response: dict[str, Any] = {
        "description": "\n".join(lines),
        "content": {
            JSON: {"schema": reference("schemas", "Error")},
            PROBLEM_JSON: {"schema": problem},
        },
    }
    headers = {
        CORRELATION_HEADER,
        *extra_headers,
        *(name for code in codes for name in _HEADERS.get(code, ())),
    }
    response["headers"] = {name: reference("headers", name) for name in sorted(headers)}
    return response


@cache
def _meanings() -> dict[str, str]:
    """Map each code to its meaning: the first line of its class's docstring."""
    return {
        error.code: (error.__doc__ or "").partition("\n")[0]
        for error in reversed(list(_tree(PredictionError)))
        if "code" in vars(error)
    }


def _tree(root: type[PredictionError]) -> Iterator[type[PredictionError]]:
    for error in root.__subclasses__():
        yield error
        yield from _tree(error)
