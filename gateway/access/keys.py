"""API keys, and the names of their owners."""

from collections.abc import Iterable
from hashlib import sha256
from hmac import compare_digest

from gateway.settings import ApiKey


class ApiKeys:
    """The keys that this gateway accepts.

    Keys are compared by hashes of one length, so that the duration reveals nothing about them.
    """

    def __init__(self, keys: Iterable[ApiKey]) -> None:
        self._names = [(_hash(key.key), key.name) for key in keys]

    def name_of(self, authorization: str, x_api_key: str) -> str | None:
        """Return the name of the key in these headers; None if there is no valid key.

        A token in ``Authorization: Bearer`` has precedence over ``X-API-Key``.
        """
        scheme, _, token = authorization.partition(" ")
        sent = _hash((token if scheme.lower() == "bearer" else x_api_key).strip())
        found = None
        for hashed, name in self._names:  # without an early exit, which would be measurable
            if compare_digest(sent, hashed):
                found = name
        return found


def _hash(key: str) -> bytes:
    return sha256(key.encode()).digest()
