"""The gateway's settings, all of them, with their units in their names."""

from typing import Annotated, Self

from pydantic import Field, PlainValidator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from common.contract.messages import MAX_REQUEST_BYTES
from common.contract.topology import CLOCK_SKEW_S, MAX_EXPIRATION_S, RETENTION_S
from common.settings import MODEL_NAME, Bind
from gateway.access_settings import ApiKey, Rate, parse_api_keys, parse_origins, parse_rate

Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1)]


class GatewaySettings(BaseSettings):
    """What an operator can set of a gateway."""

    model_config = SettingsConfigDict(
        frozen=True, env_ignore_empty=True, extra="ignore", hide_input_in_errors=True
    )

    bind: Bind = Field("127.0.0.1:8080", alias="GATEWAY_BIND")
    default_model: str = Field("demo", alias="DEFAULT_MODEL", pattern=MODEL_NAME)
    sync_timeout_s: Seconds = Field(30, alias="GATEWAY_SYNC_TIMEOUT_S", le=MAX_EXPIRATION_S)
    async_deadline_s: Seconds = Field(3600, alias="GATEWAY_ASYNC_DEADLINE_S")
    result_ttl_s: Seconds = Field(3600, alias="GATEWAY_RESULT_TTL_S")
    result_cache_bytes: Annotated[int, Field(ge=0)] = Field(
        268_435_456, alias="GATEWAY_RESULT_CACHE_BYTES"
    )
    max_in_flight: Count = Field(1000, alias="GATEWAY_MAX_IN_FLIGHT")
    max_in_flight_bytes: Count = Field(268_435_456, alias="GATEWAY_MAX_IN_FLIGHT_BYTES")
    max_body_bytes: Annotated[int, Field(ge=1, le=MAX_REQUEST_BYTES)] = Field(
        1_048_576, alias="GATEWAY_MAX_BODY_BYTES"
    )
    drain_s: Seconds = Field(35, alias="GATEWAY_DRAIN_S")
    id_secret: str | None = Field(None, alias="GATEWAY_ID_SECRET", repr=False)
    api_keys: Annotated[tuple[ApiKey, ...], NoDecode, PlainValidator(parse_api_keys)] = Field(
        (), alias="GATEWAY_API_KEYS", repr=False, validate_default=False
    )
    rate_limit: Annotated[Rate | None, NoDecode, PlainValidator(parse_rate)] = Field(
        None, alias="GATEWAY_RATE_LIMIT", validate_default=False
    )
    cors_origins: Annotated[tuple[str, ...], NoDecode, PlainValidator(parse_origins)] = Field(
        (), alias="GATEWAY_CORS_ORIGINS", validate_default=False
    )

    @property
    def life_s(self) -> float:
        """How long a prediction can be asked for, counted from its id's time."""
        return self.async_deadline_s + self.result_ttl_s

    @property
    def unaccepted_life_s(self) -> float:
        """How long an idempotency key can wait for its request, counted from its id's time.

        What is left of the async deadline then is left for the prediction.
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
