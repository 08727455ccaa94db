"""The document ``/openapi.json``: every route, every error, and the announced models."""

import re
from typing import Any, Final

import jsonschema_rs
import msgspec
import pytest
import schemathesis

from common.contract.announcement import ModelCard
from common.settings import BrokerSettings
from gateway.api.openapi import AccessControl, describe
from gateway.app import Gateway
from gateway.settings import GatewaySettings
from gateway.web.errors import STATUS
from predictor_service.models.signature import schema_of
from tests.support.harness.references import references, resolved
from tests.support.models.typed import Customer, Risk

GUARDED: Final = AccessControl(keys=True, rate=True)

COMMON_HEADERS: Final = {"Correlation-Id", "Preference-Applied", "Server-Timing"}

RISK: Final = ModelCard(
    name="risk", version="2", input_schema=schema_of(Customer), output_schema=schema_of(Risk)
)


def described(
    *cards: ModelCard, default: str = "risk", access: AccessControl = GUARDED
) -> dict[str, Any]:
    """Return the document for these models, as a caller receives it."""
    document = msgspec.json.encode(describe(cards, default, "1.2.3", access))
    return dict(msgspec.json.decode(document))


def codes(document: dict[str, Any], path: str, method: str) -> dict[str, set[str]]:
    """Map each status of an operation to its error codes."""
    found = {}
    for status, response in document["paths"][path][method]["responses"].items():
        problem = response.get("content", {}).get("application/problem+json")
        if problem and "properties" in problem["schema"]:
            found[status] = set(problem["schema"]["properties"]["code"]["enum"])
            assert "application/json" in response["content"]
    return found


def test_the_document_is_valid_openapi() -> None:
    schemathesis.openapi.from_dict(described(RISK)).validate()


def test_the_document_describes_exactly_the_routes(no_settings: pytest.MonkeyPatch) -> None:
    app = Gateway(GatewaySettings(), BrokerSettings()).http_app()
    served = {
        (re.sub("<(.*?)>", r"{\1}", rule.rule), method.lower())
        for rule in app.url_map.iter_rules()
        for method in rule.methods or ()
        if method not in ("HEAD", "OPTIONS") and not rule.rule.startswith(("/docs/", "/static/"))
    }
    paths = described()["paths"]
    assert {(path, method) for path, methods in paths.items() for method in methods} == served


def test_every_error_is_described_under_its_status() -> None:
    document = described(RISK)
    everywhere: dict[str, set[str]] = {}
    for path, methods in document["paths"].items():
        for method in methods:
            for status, found in codes(document, path, method).items():
                everywhere.setdefault(status, set()).update(found)
    for code, expected in STATUS.items():
        if code != "already_final":  # described with the errors of the final state
            assert code in everywhere[str(expected)]


def test_access_control_is_described_at_the_routes_that_it_guards() -> None:
    guarded, free = described(), described(access=AccessControl())
    assert set(guarded["components"]["securitySchemes"]) == {"bearer", "header"}
    for path, methods in guarded["paths"].items():
        for method, operation in methods.items():
            is_open = path in ("/livez", "/readyz", "/metrics", "/docs")
            assert ("security" in operation) != is_open, path
            assert ("401" in operation["responses"]) != is_open, path
            assert ("429" in operation["responses"]) != is_open, path
            unguarded = free["paths"][path][method]
            assert not {"401", "429"} & set(unguarded["responses"])
            assert "security" not in unguarded


def test_a_temporary_error_is_described_with_retry_after() -> None:
    responses = described(access=AccessControl())["paths"]["/predict"]["post"]["responses"]
    assert set(responses["503"]["headers"]) == {*COMMON_HEADERS, "Retry-After"}
    assert set(responses["504"]["headers"]) == COMMON_HEADERS


def test_references_of_the_document_resolve_and_names_of_operations_are_unique() -> None:
    document = described(RISK, ModelCard(name="demo"))
    for reference in references(document):
        assert resolved(document, reference) is not None
    names = [
        operation["operationId"]
        for methods in document["paths"].values()
        for operation in methods.values()
    ]
    assert len(names) == len(set(names))


def test_a_model_is_described_while_it_is_known() -> None:
    assert "/models/risk/predict" in described(RISK)["paths"]
    assert "/models/risk/predict" not in described()["paths"]


@pytest.mark.parametrize("path", ["/predict", "/models/risk/predict"])
def test_a_model_is_described_by_its_own_schemas(path: str) -> None:
    document = described(RISK)
    operation = document["paths"][path]["post"]
    body = operation["requestBody"]["content"]["application/json"]["schema"]
    response = operation["responses"]["200"]["content"]["application/json"]["schema"]
    takes = jsonschema_rs.validator_for(body | {"components": document["components"]})
    gives = jsonschema_rs.validator_for(response | {"components": document["components"]})
    assert takes.is_valid({"input": {"months": 3}, "note": "other fields are ignored"})
    assert not takes.is_valid({"input": {"months": 0}})
    assert not takes.is_valid({"months": 3})
    result = {"score": 0.5, "of": {"months": 2, "features": []}}
    assert gives.is_valid({"input": {"months": 2}, "result": result})
    assert not gives.is_valid({"input": {"months": 2}, "result": result | {"score": 2}})


def test_an_unknown_default_model_is_described_as_taking_any_input() -> None:
    operation = described(RISK, default="later")["paths"]["/predict"]["post"]
    body = operation["requestBody"]["content"]["application/json"]["schema"]
    assert jsonschema_rs.is_valid(body, {"input": None})


@pytest.mark.parametrize("name", ["a/b", "", "ä", "x" * 65, "../livez"])
def test_a_model_with_an_invalid_name_is_not_described(name: str) -> None:
    assert described(RISK, ModelCard(name=name)) == described(RISK)


def test_a_malformed_schema_is_described_as_fitting_everything() -> None:
    card = ModelCard(name="odd", input_schema={"type": "nonsense"})
    assert described(card)["components"]["schemas"]["odd.input"] == {}


def test_a_discriminator_refers_to_the_components_place() -> None:
    names = {"cat": "#/$defs/Cat", "stranger": "https://elsewhere.example/dog"}
    discriminator = {"propertyName": "type", "mapping": names}
    schema = {
        "anyOf": [{"$ref": "#/$defs/Cat"}],
        "discriminator": discriminator,
        "$defs": {"Cat": {"type": "object", "properties": {"discriminator": {"type": "string"}}}},
    }
    moved = described(ModelCard(name="m", input_schema=schema))["components"]["schemas"]["m.input"]
    place = "#/components/schemas/m.input/$defs/Cat"
    assert moved["anyOf"] == [{"$ref": place}]
    assert moved["discriminator"] == discriminator | {"mapping": names | {"cat": place}}
    assert moved["$defs"] == schema["$defs"]


def test_a_schema_with_an_id_of_its_own_stays_unchanged() -> None:
    schema = {"$id": "urn:odd", "$ref": "#/$defs/x", "$defs": {"x": {"type": "string"}}}
    card = ModelCard(name="odd", input_schema=schema)
    assert described(card)["components"]["schemas"]["odd.input"] == schema
