"""The settings of a gateway, with their units in their names.

No error contains the value that it refuses: it may be a key.
"""

import re
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Annotated, Final, Self

from pydantic import Field, model_validator
from pydantic_settings import NoDecode

from common.configuration.addresses import BINDS, HOSTS
from common.configuration.forms import Form, anything, number, whole
from common.contract.messages import MAX_REQUEST_BYTES
from common.contract.topology import CLOCK_SKEW_S, MAX_EXPIRATION_S, RETENTION_S
from common.settings import ModelName, Settings

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_KEY: Final = re.compile(r"[A-Za-z0-9._~+/-]+=*")
"""The token of the ``Bearer`` scheme (RFC 6750, section 2.1)."""

MIN_KEY_CHARACTERS: Final = 16
MAKE_A_KEY: Final = "python3 -c 'import secrets; print(secrets.token_urlsafe(24))'"

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
    """A key and the name of its owner, who may have several: a new one can replace an old one."""

    name: str
    key: str = field(repr=False)


@dataclass(frozen=True)
class Rate:
    """At most ``count`` calls in any ``period``."""

    count: int
    period: timedelta


def parse_api_keys(value: str) -> tuple[ApiKey, ...]:
    """Parse ``name=key,name=key``.

    Raises:
        ValueError: the text has another form, a key is too short to be secret, or occurs twice.
    """
    keys: dict[str, ApiKey] = {}
    for place, entry in enumerate(value.split(","), start=1):
        name, _, key = entry.strip().partition("=")
        if not _NAME.fullmatch(name) or not key:
            raise ValueError(f"entry {place} is not name=key, with a name of letters and digits")
        if not _KEY.fullmatch(key):
            raise ValueError(f"the key in entry {place} has more than letters, digits and -._~+/")
        if len(key.rstrip("=")) < MIN_KEY_CHARACTERS:
            raise ValueError(
                f"the key in entry {place} has fewer than {MIN_KEY_CHARACTERS} characters and "
                f"could be guessed; this makes one: {MAKE_A_KEY}"
            )
        if key in keys:
            raise ValueError(f"entry {place} has a key that was there before")
        keys[key] = ApiKey(name, key)
    return tuple(keys.values())


def parse_rate(value: str) -> Rate:
    """Parse ``100/minute``, or a count per second, hour or day.

    Raises:
        ValueError: the text has another form.
    """
    match = _RATE.fullmatch(value.strip())
    if match is None:
        raise ValueError(
            "not a number of calls (at most 999999999) per second, minute, hour or day, like "
            "100/minute"
        )
    return Rate(int(match[1]), _PERIODS[match[2]])


def parse_origins(value: str) -> tuple[str, ...]:
    """Parse ``https://a.example,https://b.example:8443``, or ``*`` for any origin.

    Raises:
        ValueError: the text has another form, or contains an origin that no browser sends.
    """
    origins = tuple(origin.strip().lower() for origin in value.split(","))
    for place, origin in enumerate(origins, start=1):
        if origin != "*" and not _ORIGIN.fullmatch(origin):
            raise ValueError(f"entry {place} is not an origin, like https://app.example, nor *")
        if _DEFAULT_PORT.fullmatch(origin):
            raise ValueError(f"entry {place} never calls: browsers leave the usual port out")
    return origins


Seconds = Annotated[float, number("seconds")]
Count = Annotated[int, whole(1)]
Keys = Annotated[tuple[ApiKey, ...], NoDecode, Form("name=key,name=key", parse_api_keys)]
RateLimit = Annotated[Rate | None, NoDecode, Form("calls in a time, like 100/minute", parse_rate)]
Origins = Annotated[
    tuple[str, ...],
    NoDecode,
    Form("origins, such as https://app.example,https://other.example, or *", parse_origins),
]

MAX_WORKERS: Final = 64
"""More than the cores of most machines; each worker reads the whole reply stream."""


class GatewaySettings(Settings):
    """The settings of one gateway."""

    prefix = "GATEWAY_"

    binds: Annotated[tuple[str, ...], NoDecode, BINDS] = Field(
        ("127.0.0.1:8080",), alias="GATEWAY_BIND"
    )
    workers: Annotated[int, whole(1, MAX_WORKERS)] = Field(1, alias="GATEWAY_WORKERS")
    default_model: ModelName = Field("demo", alias="DEFAULT_MODEL")
    sync_timeout_s: Annotated[float, number("seconds", MAX_EXPIRATION_S)] = Field(
        30, alias="GATEWAY_SYNC_TIMEOUT_S"
    )
    async_deadline_s: Seconds = Field(3600, alias="GATEWAY_ASYNC_DEADLINE_S")
    result_ttl_s: Seconds = Field(3600, alias="GATEWAY_RESULT_TTL_S")
    result_cache_bytes: Annotated[int, whole(0)] = Field(
        268_435_456, alias="GATEWAY_RESULT_CACHE_BYTES"
    )
    max_in_flight: Count = Field(1000, alias="GATEWAY_MAX_IN_FLIGHT")
    max_in_flight_bytes: Count = Field(268_435_456, alias="GATEWAY_MAX_IN_FLIGHT_BYTES")
    max_body_bytes: Annotated[int, whole(1, MAX_REQUEST_BYTES)] = Field(
        1_048_576, alias="GATEWAY_MAX_BODY_BYTES"
    )
    drain_s: Seconds = Field(35, alias="GATEWAY_DRAIN_S")
    id_secret: Annotated[str | None, anything("any text in UTF-8")] = Field(
        None, alias="GATEWAY_ID_SECRET", repr=False
    )
    api_keys: Keys = Field((), alias="GATEWAY_API_KEYS", repr=False)
    rate_limit: RateLimit = Field(None, alias="GATEWAY_RATE_LIMIT")
    cors_origins: Origins = Field((), alias="GATEWAY_CORS_ORIGINS")
    allowed_hosts: Annotated[tuple[str, ...], NoDecode, HOSTS] = Field(
        (), alias="GATEWAY_ALLOWED_HOSTS"
    )

    @property
    def owners(self) -> tuple[str, ...]:
        """The names of the API keys, each once."""
        return tuple(dict.fromkeys(key.name for key in self.api_keys))

    @property
    def life_s(self) -> float:
        """The life of a prediction, counted from its id's time."""
        return self.async_deadline_s + self.result_ttl_s

    @property
    def unaccepted_life_s(self) -> float:
        """The life of a claim whose request is not accepted, counted from its id's time.

        The rest of the async deadline is left for the prediction.
        """
        return self.async_deadline_s / 2

    @model_validator(mode="after")
    def _one_body_fits(self) -> Self:
        if self.max_in_flight_bytes < self.max_body_bytes:
            raise ValueError(
                "GATEWAY_MAX_IN_FLIGHT_BYTES may not be less than GATEWAY_MAX_BODY_BYTES: one body "
                "of that size would never be taken"
            )
        return self

    @model_validator(mode="after")
    def _fits_the_stream(self) -> Self:
        if self.life_s + CLOCK_SKEW_S > RETENTION_S:
            raise ValueError(
                f"GATEWAY_ASYNC_DEADLINE_S + GATEWAY_RESULT_TTL_S may not be more than "
                f"{RETENTION_S - CLOCK_SKEW_S} s together: the reply stream keeps replies for "
                f"{RETENTION_S} s, {CLOCK_SKEW_S} s of them for clocks that differ"
            )
        return self
