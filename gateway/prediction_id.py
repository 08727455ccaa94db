"""Prediction ids that every gateway recognises without having seen them.

A UUID of version 8 (RFC 9562, section 5.8): 48 bits of Unix milliseconds, 42 random bits and
a keyed hash of 32 bits over both and over the name of the owner, if there is one. The hash tells
minted ids from forged ones, and the ids of one owner from those of another: a wrong id passes once
in 4,000,000,000 times.
"""

import hashlib
import hmac
import os
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Final, NewType

_HASH_BITS: Final = 32
_RANDOM_BITS: Final = 42
_RANDOM_BYTES: Final = (_RANDOM_BITS + 7) // 8
_POOL: Final = 100
_VERSION: Final = 8 << 76
_VARIANT: Final = 0b10 << 62
_LOW_62: Final = (1 << 62) - 1

_is_uuid8 = re.compile(
    "[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE
).fullmatch

NO_OWNER: Final = ""
"""The owner of predictions that are requested without an API key."""

UNDISCLOSED: Final = "\0never told"
"""The owner of ids that no caller receives, so that a look-up of one finds no prediction. The name
of a key contains no NUL."""


def derive_key(secret: str) -> bytes:
    """Derive the hash key from a shared secret.

    Slow on purpose (scrypt, RFC 7914): ids are public, and with a fast hash they could be used to
    guess the broker's password.
    """
    salt = b"predictmq prediction id"
    return hashlib.scrypt(secret.encode(), salt=salt, n=2**14, r=8, p=1, dklen=32)


PredictionId = NewType("PredictionId", int)
"""An id with a valid hash: the UUID as an integer, which takes half the memory of its text."""


def spell(prediction_id: PredictionId) -> str:
    """Format an id as clients and messages have it: a lower-case UUID."""
    digits = f"{prediction_id:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def minted_ms(prediction_id: PredictionId) -> int:
    """Return the time at which an id was minted: Unix time in milliseconds."""
    return prediction_id >> 80


def _random_numbers() -> Iterator[int]:
    """Yield unpredictable numbers of ``_RANDOM_BITS``, read from the system ``_POOL`` at a time."""
    while True:
        pool = os.urandom(_POOL * _RANDOM_BYTES)
        for start in range(0, len(pool), _RANDOM_BYTES):
            yield int.from_bytes(pool[start : start + _RANDOM_BYTES]) & ((1 << _RANDOM_BITS) - 1)


_RANDOM: Final = _random_numbers()


class PredictionIds:
    """The minting of ids, and their recognition.

    ``owners`` are the names that ids are minted for, beside ``NO_OWNER``. ``life_s`` counts from an
    id's own time: async deadline + result TTL. ``now_s`` is Unix time.
    """

    def __init__(
        self,
        key: bytes,
        life_s: float,
        now_s: Callable[[], float],
        owners: Iterable[str] = (),
    ) -> None:
        # Copying a keyed hash takes a third of the time that setting one up takes.
        keyed = hmac.new(key, digestmod=hashlib.sha256)
        self._keyed: dict[str, hmac.HMAC] = {}
        self._owners = (*owners, NO_OWNER)  # the least likely one last
        for owner in (*self._owners, UNDISCLOSED):
            self._keyed[owner] = keyed.copy()
            self._keyed[owner].update(owner.encode())
        self._life_ms = life_s * 1000
        self.now_s = now_s

    def mint(self, owner: str = NO_OWNER) -> PredictionId:
        """Mint an id, with the present time in it."""
        now_ms = int(self.now_s() * 1000)
        payload = (now_ms << _RANDOM_BITS) | next(_RANDOM)
        bits = (payload << _HASH_BITS) | self._hash(payload, owner)  # 122 bits
        high, low = bits >> 62, bits & _LOW_62
        time, custom_b = high >> 12, high & 0xFFF
        number = (time << 80) | _VERSION | (custom_b << 64) | _VARIANT | low
        return PredictionId(number)

    def recognise(self, text: str, owner: str = NO_OWNER) -> PredictionId | None:
        """Return the id that ``text`` spells, if a gateway with our key minted it for ``owner``."""
        return self._recognise(text, (owner,))

    def recognise_any(self, text: str) -> PredictionId | None:
        """Return the id that ``text`` spells, of any owner; costs one hash per owner tried."""
        return self._recognise(text, self._owners)

    def is_alive(self, prediction_id: PredictionId) -> bool:
        """Return whether a prediction's life goes on: it may run, or its result may be fetched."""
        return self.now_s() * 1000 < minted_ms(prediction_id) + self._life_ms

    def _recognise(self, text: str, owners: Iterable[str]) -> PredictionId | None:
        if not _is_uuid8(text):
            return None
        number = int(text.replace("-", ""), 16)
        bits = (number >> 80 << 74) | ((number >> 64 & 0xFFF) << 62) | (number & _LOW_62)
        payload, hashed = bits >> _HASH_BITS, (bits & ((1 << _HASH_BITS) - 1)).to_bytes(4)
        for owner in owners:
            if hmac.compare_digest(hashed, self._hash(payload, owner).to_bytes(4)):
                return PredictionId(number)
        return None

    def _hash(self, payload: int, owner: str) -> int:
        keyed = self._keyed[owner].copy()
        keyed.update(payload.to_bytes(12))  # of a fixed length: no two pairs give the same bytes
        return int.from_bytes(keyed.digest()[: _HASH_BITS // 8])
