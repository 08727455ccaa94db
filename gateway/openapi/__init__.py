"""``/openapi.json`` as a pure function of the models that are there."""

from gateway.openapi.document import describe
from gateway.openapi.guards import Guards

__all__ = ["Guards", "describe"]
