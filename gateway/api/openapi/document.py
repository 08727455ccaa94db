"""The OpenAPI document, put together."""

import re
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any, Final

from common.contract.announcement import ModelCard
from common.http.error_response import JSON
from gateway.api.openapi.components import HEADERS, PARAMETERS
from gateway.api.openapi.error_responses import error_answers
from gateway.api.openapi.model_operations import (
    default_operation,
    describable,
    model_operation,
    model_schemas,
)
from gateway.api.openapi.operations import Answer, Operation, predict
from gateway.api.openapi.schemas import SCHEMAS, reference
from gateway.api.openapi.security import NO_GUARDS, Guards
from gateway.api.openapi.static_operations import fixed

ANYWHERE: Final = ("internal_error",)
"""What every operation may end in."""

_OF_THE_PATH: Final = re.compile(r"{(\w+)}")


def describe(
    cards: Iterable[ModelCard], default_model: str, version: str, guards: Guards = NO_GUARDS
) -> dict[str, Any]:
    """An OpenAPI 3.1 document of the gateway, with the schemas of the models of ``cards``."""
    models = describable(cards)
    schemas = dict(SCHEMAS)
    for card in models:
        schemas |= model_schemas(card)
    return {
        "openapi": "3.1.0",
        "info": {"title": "PredictMQ", "version": version, "description": _ABOUT},
        "paths": _paths(_operations(models, default_model), guards),
        "components": {"schemas": schemas, "parameters": PARAMETERS, "headers": HEADERS}
        | guards.components,
    }


_ABOUT: Final = (
    "Predictions over RabbitMQ, answered at once or kept for later.\n\n"
    'Errors are `{"error": "<one sentence>"}`; with `Accept: application/problem+json` the same '
    "error comes as RFC 9457 with a stable `code`."
)


def _operations(models: list[ModelCard], default_model: str) -> list[Operation]:
    default = next((card for card in models if card.name == default_model), None)
    any_model = predict("/models/{model}/predict", "predict_with", "Predict with a model", {}, {})
    return [
        default_operation(default),
        *map(model_operation, models),
        any_model,
        *fixed(),
    ]


def _paths(operations: Iterable[Operation], guards: Guards) -> dict[str, Any]:
    paths: dict[str, Any] = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method] = _operation(
            operation, NO_GUARDS if operation.is_open else guards
        )
    return paths


def _operation(operation: Operation, guards: Guards) -> dict[str, Any]:
    of_the_path = tuple(_OF_THE_PATH.findall(operation.path))
    # What is in the path may make it another one.
    misread = (HTTPStatus.NOT_FOUND,) if of_the_path else ()
    beside = operation.headers + guards.headers
    answers = {str(status): _answer(each, beside) for status, each in operation.answers.items()}
    errors = (*operation.errors, *guards.errors, *misread, *ANYWHERE)
    described: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "tags": [operation.tag],
        "responses": answers | error_answers(errors, beside),
    } | guards.security
    parameters = of_the_path + operation.parameters
    if parameters:
        described["parameters"] = [reference("parameters", name) for name in parameters]
    if operation.body is not None:
        described["requestBody"] = {"required": True, "content": {JSON: {"schema": operation.body}}}
    return described


def _answer(answer: Answer, beside: tuple[str, ...]) -> dict[str, Any]:
    described: dict[str, Any] = {"description": answer.meaning}
    if answer.content:
        described["content"] = {kind: {"schema": each} for kind, each in answer.content.items()}
    if headers := answer.headers + beside:
        described["headers"] = {name: reference("headers", name) for name in headers}
    return described
