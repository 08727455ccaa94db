"""Prediction ids that every gateway recognises without having seen them.

A UUID of version 8 (RFC 9562, section 5.8): 48 bits of Unix milliseconds, 42 random bits and
a keyed hash of 32 bits over both. The hash tells an id that was handed out from one that was
made up; it is a way to tell, not an authorisation.
"""

import hashlib
import hmac
import secrets
from collections.abc import Callable
from typing import Final, NewType
from uuid import UUID

_HASH_BITS: Final = 32
_RANDOM_BITS: Final = 42
_VERSION: Final = 8 << 76
_VARIANT: Final = 0b10 << 62
_LOW_62: Final = (1 << 62) - 1


def derive_key(secret: str) -> bytes:
    """A hash key from a shared secret.

    Slow on purpose (scrypt, RFC 7914): ids are public, and must not let anyone try
    passwords of the broker quickly.
    """
    salt = b"predictmq prediction id"
    return hashlib.scrypt(secret.encode(), salt=salt, n=2**14, r=8, p=1, dklen=32)


PredictionId = NewType("PredictionId", int)
"""An id whose hash holds: the UUID as an integer, which costs a table half of its text."""


def spell(prediction_id: PredictionId) -> str:
    """The id as clients and messages spell it: a lower-case UUID."""
    digits = f"{prediction_id:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def minted_ms(prediction_id: PredictionId) -> int:
    """When the id was minted: Unix time in milliseconds."""
    return prediction_id >> 80


class PredictionIds:
    """Mint ids and recognise them.

    ``life_s`` counts from an id's own time: async deadline + result TTL. ``now_s`` is Unix time.
    """

    def __init__(self, key: bytes, life_s: float, now_s: Callable[[], float]) -> None:
        self._keyed = hmac.new(key, digestmod=hashlib.sha256)
        self._life_ms = life_s * 1000
        self._now_s = now_s

    def mint(self) -> PredictionId:
        """A new id, of now."""
        now_ms = int(self._now_s() * 1000)
        payload = (now_ms << _RANDOM_BITS) | secrets.randbits(_RANDOM_BITS)
        bits = (payload << _HASH_BITS) | self._hash(payload)  # 122 bits
        high, low = bits >> 62, bits & _LOW_62
        time, custom_b = high >> 12, high & 0xFFF
        number = (time << 80) | _VERSION | (custom_b << 64) | _VARIANT | low
        return PredictionId(number)

    def recognise(self, text: str) -> PredictionId | None:
        """The id that ``text`` spells, if a gateway with our key minted it, else None."""
        try:
            uuid = UUID(text)
        except ValueError:
            return None
        number = uuid.int
        bits = (number >> 80 << 74) | ((number >> 64 & 0xFFF) << 62) | (number & _LOW_62)
        payload, hashed = bits >> _HASH_BITS, bits & ((1 << _HASH_BITS) - 1)
        genuine = (
            str(uuid) == text.lower()
            and uuid.version == 8
            and hmac.compare_digest(hashed.to_bytes(4), self._hash(payload).to_bytes(4))
        )
        return PredictionId(number) if genuine else None

    def is_alive(self, prediction_id: PredictionId) -> bool:
        """Whether the prediction may still be running, or its result still be asked for."""
        return self._now_s() * 1000 < minted_ms(prediction_id) + self._life_ms

    def _hash(self, payload: int) -> int:
        keyed = self._keyed.copy()  # to set the key up each time would take three times as long
        keyed.update(payload.to_bytes(12))
        return int.from_bytes(keyed.digest()[: _HASH_BITS // 8])
