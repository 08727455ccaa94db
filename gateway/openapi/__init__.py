"""``/openapi.json`` as a pure function of the models that are there."""

from gateway.openapi.document import describe

__all__ = ["describe"]
