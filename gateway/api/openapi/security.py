"""Access control in the document: API keys and a rate limit, if the gateway has them."""

from dataclasses import dataclass
from typing import Any, Final

from gateway.access.rate_limit import FIELDS

SCHEMES: Final = {
    "bearer": {"type": "http", "scheme": "bearer"},
    "header": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
}
"""The ways to send a key; one of them is enough."""


@dataclass(frozen=True)
class AccessControl:
    """The access control of a gateway: ``keys`` are required, a ``rate`` limit applies."""

    keys: bool = False
    rate: bool = False

    @property
    def errors(self) -> tuple[str, ...]:
        """The codes of the errors that access control responds with."""
        return ("unauthorized",) * self.keys + ("rate_limited",) * self.rate

    @property
    def headers(self) -> tuple[str, ...]:
        """The headers that access control adds to responses."""
        return FIELDS * self.rate

    @property
    def security(self) -> dict[str, Any]:
        """The security requirement of an operation."""
        return {"security": [{scheme: []} for scheme in SCHEMES]} if self.keys else {}

    @property
    def components(self) -> dict[str, Any]:
        """The components of the document that ``security`` refers to."""
        return {"securitySchemes": SCHEMES} if self.keys else {}


OPEN_ACCESS: Final = AccessControl()
