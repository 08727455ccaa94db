"""The bodies of requests and responses as schemas, each described once."""

from typing import Any, Final

from common.contract.request_body import MAX_DEPTH

Schema = dict[str, Any]

_UUID: Final[Schema] = {"type": "string", "format": "uuid"}
_TEXT: Final[Schema] = {"type": "string"}
_PART: Final[Schema] = {"type": "number", "minimum": 0, "maximum": 1}
_COUNT: Final[Schema] = {"type": "integer", "minimum": 0}


def reference(kind: str, name: str) -> Schema:
    """Build a reference to a component of the document."""
    return {"$ref": f"#/components/{kind}/{name}"}


def _object(required: dict[str, Schema], optional: dict[str, Schema] | None = None) -> Schema:
    """Build the schema of an object with these properties alone."""
    return {
        "type": "object",
        "required": list(required),
        "properties": required | (optional or {}),
        "additionalProperties": False,
    }


def request_body(input_: Schema) -> Schema:
    """Build the schema of a request's body."""
    return {
        "type": "object",
        "required": ["input"],
        "properties": {"input": input_},
        "description": f"Inputs nest at most {MAX_DEPTH} levels deep; other fields are ignored.",
    }


def result_body(output: Schema) -> Schema:
    """Build the schema of the body of a prediction that has succeeded."""
    return _object({"input": {"description": "What was sent, byte for byte."}, "result": output})


SCHEMAS: Final = {
    "Accepted": _object({"message": _TEXT, "prediction_id": _UUID}),
    "Finished": _object({"output": result_body({}), "prediction_id": _UUID}),
    "Error": _object({"error": _TEXT | {"description": "One sentence: what is wrong, and why."}}),
    "Problem": {
        "description": "RFC 9457",
        "type": "object",
        "required": ["type", "title", "status", "detail", "code", "correlation_id"],
        "properties": {
            "type": _TEXT,
            "title": _TEXT,
            "status": {"type": "integer"},
            "detail": _TEXT | {"description": "One sentence: what is wrong, and why."},
            "code": _TEXT | {"description": "Stable: what programs may rely on."},
            "correlation_id": _TEXT,
        },
    },
    "Pending": reference("schemas", "Problem")
    | {"properties": {"progress": _object({"fraction": _PART, "note": _TEXT})}},
    "Status": _object({"status": _TEXT}, {"missing": {"type": "array", "items": _TEXT}}),
    "Models": _object(
        {
            "models": {
                "type": "array",
                "items": _object({"name": _TEXT, "version": _TEXT, "replicas": _COUNT}),
            }
        }
    ),
    "Model": _object(
        {
            "name": _TEXT,
            "version": _TEXT,
            "input_schema": {"type": "object"},
            "output_schema": {"type": "object"},
            "replicas": {"type": "array", "items": reference("schemas", "Replica")},
        }
    ),
    "Replica": _object(
        {
            "id": _TEXT,
            "host": _TEXT,
            "isolation": _TEXT,
            "concurrency": _COUNT,
            "max_batch": _COUNT,
            "predictions": _COUNT,
        }
    ),
}
"""The bodies that are the same for every model."""
