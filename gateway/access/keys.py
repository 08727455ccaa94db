"""Whose key a caller shows."""

from collections.abc import Iterable
from hashlib import sha256
from hmac import compare_digest

from gateway.settings import ApiKey


class ApiKeys:
    """The keys that open this gateway.

    Kept as hashes, which all have one length: how long a look takes tells nothing about any key.
    """

    def __init__(self, keys: Iterable[ApiKey]) -> None:
        self._names = [(_hash(key.key), key.name) for key in keys]

    def name_of(self, authorization: str, x_api_key: str) -> str | None:
        """The name of the key that these headers show; None if it is no key of ours, or none.

        What is sent as ``Authorization: Bearer`` goes first.
        """
        scheme, _, token = authorization.partition(" ")
        sent = _hash((token if scheme.lower() == "bearer" else x_api_key).strip())
        found = None
        for hashed, name in self._names:  # all of them, whichever it is
            if compare_digest(sent, hashed):
                found = name
        return found


def _hash(key: str) -> bytes:
    return sha256(key.encode()).digest()
