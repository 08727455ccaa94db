"""The OpenAPI document, built from operations and components."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

from common.contract.announcement import ModelCard
from common.http.error_response import JSON
from gateway.api.openapi.components import HEADERS, PARAMETERS
from gateway.api.openapi.error_responses import error_responses
from gateway.api.openapi.model_operations import (
    default_operation,
    describable,
    model_operation,
    model_schemas,
)
from gateway.api.openapi.operations import Operation, Response, predict
from gateway.api.openapi.schemas import SCHEMAS, reference
from gateway.api.openapi.security import OPEN_ACCESS, AccessControl
from gateway.api.openapi.static_operations import STATIC_OPERATIONS

COMMON_ERRORS: Final = ("internal_error", HTTPStatus.MISDIRECTED_REQUEST)
"""The errors of every operation."""

_PATH_PARAMETER: Final = re.compile(r"{(\w+)}")


@dataclass(frozen=True)
class ModelPart:
    """The part of the document for one model: its path with its operation, and its schemas.

    Any part may be encoded already.
    """

    card: ModelCard
    paths: dict[str, Any]
    schemas: dict[str, Any]


def describe(
    cards: Iterable[ModelCard],
    default_model: str,
    version: str,
    access: AccessControl = OPEN_ACCESS,
) -> dict[str, Any]:
    """Build the OpenAPI 3.1 document of a gateway, with the schemas of the models in ``cards``."""
    parts = [describe_model(card, access) for card in describable(cards)]
    return assemble(parts, default_model, version, access)


def describe_model(card: ModelCard, access: AccessControl) -> ModelPart:
    """Build the part of one model, which depends on no other one."""
    return ModelPart(card, _paths([model_operation(card)], access), model_schemas(card))


def assemble(
    parts: Sequence[ModelPart], default_model: str, version: str, access: AccessControl
) -> dict[str, Any]:
    """Build the document from the parts of its models."""
    default = next((part.card for part in parts if part.card.name == default_model), None)
    any_model = predict("/models/{model}/predict", "predict_with", "Predict with a model", {}, {})
    paths = _paths([default_operation(default)], access)
    schemas = dict(SCHEMAS)
    for part in parts:
        paths |= part.paths
        schemas |= part.schemas
    return {
        "openapi": "3.1.0",
        "info": {"title": "PredictMQ", "version": version, "description": _ABOUT},
        "paths": paths | _paths([any_model, *STATIC_OPERATIONS], access),
        "components": {"schemas": schemas, "parameters": PARAMETERS, "headers": HEADERS}
        | access.components,
    }


_ABOUT: Final = (
    "Predictions over RabbitMQ, answered at once or kept for later.\n\n"
    'Errors are `{"error": "<one sentence>"}`; with `Accept: application/problem+json` the same '
    "error comes as RFC 9457 with a stable `code`."
)


def _paths(operations: Iterable[Operation], access: AccessControl) -> dict[str, Any]:
    paths: dict[str, Any] = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method] = _operation(
            operation, OPEN_ACCESS if operation.is_open else access
        )
    return paths


def _operation(operation: Operation, access: AccessControl) -> dict[str, Any]:
    path_parameters = tuple(_PATH_PARAMETER.findall(operation.path))
    # A value with a slash makes it another path, which may be unknown.
    path_errors = (HTTPStatus.NOT_FOUND,) if path_parameters else ()
    extra_headers = operation.headers + access.headers
    responses = {
        str(status): _response(each, extra_headers) for status, each in operation.responses.items()
    }
    errors = (*operation.errors, *access.errors, *path_errors, *COMMON_ERRORS)
    described: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "tags": [operation.tag],
        "responses": responses | error_responses(errors, extra_headers),
    } | access.security
    parameters = path_parameters + operation.parameters
    if parameters:
        described["parameters"] = [reference("parameters", name) for name in parameters]
    if operation.body is not None:
        described["requestBody"] = {"required": True, "content": {JSON: {"schema": operation.body}}}
    return described


def _response(response: Response, extra_headers: tuple[str, ...]) -> dict[str, Any]:
    described: dict[str, Any] = {"description": response.meaning}
    if response.content:
        described["content"] = {kind: {"schema": each} for kind, each in response.content.items()}
    if headers := response.headers + extra_headers:
        described["headers"] = {name: reference("headers", name) for name in headers}
    return described
