"""What stands before the routes: keys and a rate, as far as this gateway has them."""

from dataclasses import dataclass
from typing import Any, Final

SCHEMES: Final = {
    "bearer": {"type": "http", "scheme": "bearer"},
    "header": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
}
"""The ways to show a key, either of which will do."""


@dataclass(frozen=True)
class AccessControl:
    """Whether callers need a key, and whether their calls are counted."""

    keys: bool = False
    rate: bool = False

    @property
    def errors(self) -> tuple[str, ...]:
        """What a caller who does not pass may be told."""
        return ("unauthorized",) * self.keys + ("rate_limited",) * self.rate

    @property
    def headers(self) -> tuple[str, ...]:
        """What those who pass are told beside."""
        return ("RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset") * self.rate

    @property
    def security(self) -> dict[str, Any]:
        """What an operation says of the key that it needs."""
        return {"security": [{scheme: []} for scheme in SCHEMES]} if self.keys else {}

    @property
    def components(self) -> dict[str, Any]:
        """What the document says of keys."""
        return {"securitySchemes": SCHEMES} if self.keys else {}


OPEN_ACCESS: Final = AccessControl()
