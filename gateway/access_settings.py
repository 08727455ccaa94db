"""How an operator spells who may call, how often and from which pages.

What is refused is never shown: it may be a key.
"""

import re
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_KEY: Final = re.compile(r"[A-Za-z0-9._~+/-]+=*")
"""What may stand behind ``Bearer`` (RFC 6750, section 2.1)."""

_RATE: Final = re.compile(r"([1-9][0-9]{0,8}) ?/ ?(second|minute|hour|day)")
_ORIGIN: Final = re.compile(
    r"[a-z][a-z0-9+.-]*://[a-z0-9._-]+(:[0-9]+)?|[a-z]+://\[[0-9a-f:]+\](:[0-9]+)?"
)
_DEFAULT_PORT: Final = re.compile(r"https://.*:443|http://.*:80")
_PERIODS: Final = {
    "second": timedelta(seconds=1),
    "minute": timedelta(minutes=1),
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
}


@dataclass(frozen=True)
class ApiKey:
    """A key and whose it is; a name may have several, so that one can replace another."""

    name: str
    key: str = field(repr=False)


@dataclass(frozen=True)
class Rate:
    """At most ``count`` calls in any ``period``."""

    count: int
    period: timedelta


def parse_api_keys(text: str) -> tuple[ApiKey, ...]:
    """``name=key,name=key``.

    Raises:
        ValueError: it is spelled otherwise, or a key is there twice.
    """
    keys: dict[str, ApiKey] = {}
    for number, entry in enumerate(text.split(","), start=1):
        name, _, key = entry.strip().partition("=")
        if not _NAME.fullmatch(name) or not key:
            raise ValueError(f"entry {number} is not name=key, with a name of letters and digits")
        if not _KEY.fullmatch(key):
            raise ValueError(f"the key in entry {number} has more than letters, digits and -._~+/")
        if key in keys:
            raise ValueError(f"entry {number} has a key that was there before")
        keys[key] = ApiKey(name, key)
    return tuple(keys.values())


def parse_rate(text: str) -> Rate:
    """``100/minute``, or per second, hour or day.

    Raises:
        ValueError: it is spelled otherwise.
    """
    match = _RATE.fullmatch(text.strip())
    if match is None:
        raise ValueError(
            "not a number of calls (at most 999999999) per second, minute, hour or day, like "
            "100/minute"
        )
    return Rate(int(match[1]), _PERIODS[match[2]])


def parse_origins(text: str) -> tuple[str, ...]:
    """``https://a.example,https://b.example:8443``, or ``*`` for any.

    Raises:
        ValueError: it is spelled otherwise.
    """
    origins = tuple(origin.strip().lower() for origin in text.split(","))
    for origin in origins:
        if origin != "*" and not _ORIGIN.fullmatch(origin):
            raise ValueError(f"{origin!r} is not an origin, like https://app.example, nor *")
        if _DEFAULT_PORT.fullmatch(origin):
            raise ValueError(f"{origin!r} never calls: browsers leave the usual port out")
    return origins
