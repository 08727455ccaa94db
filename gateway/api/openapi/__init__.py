"""The document ``/openapi.json``, as a pure function of the announced models."""

from gateway.api.openapi.document import describe
from gateway.api.openapi.rendered import RenderedDocument
from gateway.api.openapi.security import AccessControl

__all__ = ["AccessControl", "RenderedDocument", "describe"]
