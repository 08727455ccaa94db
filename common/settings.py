"""The settings that both services share, and the reader of every service's settings."""

import os
from collections.abc import Iterator
from typing import Annotated, ClassVar, Final, TypeVar, get_args

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from common.configuration.addresses import HOST, HTTP_URL, MAX_PORT
from common.configuration.forms import Form, choice, matching, text, whole
from common.configuration.names import meant, unknown_names
from common.contract.topology import SyncQueueType
from common.errors import Misconfigured
from common.telemetry.logs import LogLevel

MODEL_NAME = r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$"
"""The pattern of model names, which are part of URLs and of queue names."""

MAX_SHORT_STRING_BYTES: Final = 255
"""The longest short string of AMQP 0-9-1, which a vhost is, and a user where messages name it."""

MAX_PASSWORD_BYTES: Final = 8000
"""RabbitMQ reads at most 8192 bytes of a login."""

ModelName = Annotated[str, matching(MODEL_NAME, "letters, digits, - and _, at most 64")]


class Settings(BaseSettings):
    """Settings read from the environment; an empty variable means its default."""

    model_config = SettingsConfigDict(
        frozen=True,
        env_ignore_empty=True,
        extra="ignore",
        hide_input_in_errors=True,
        validate_default=False,
    )

    prefix: ClassVar[str] = ""
    """The beginning of names: a variable with it that is no setting is a mistake."""

    shares_prefix: ClassVar[bool] = False
    """True if others use the prefix, too: then only a name like that of a setting is a mistake."""

    @classmethod
    def names(cls) -> list[str]:
        """Return the names of the variables."""
        return [str(field.alias) for field in cls.model_fields.values()]


S = TypeVar("S", bound=Settings)


SHORT_STRING: Final = text("a name", MAX_SHORT_STRING_BYTES)


def _parse_vhost(value: str) -> object:
    if {".", ".."} & set(value.split("/")):
        raise ValueError("has . or .. between slashes, which the URL of a broker cannot have")
    return SHORT_STRING.parse(value)


class BrokerSettings(Settings):
    """The address of RabbitMQ, and the user of the services there."""

    prefix = "RABBITMQ_"

    host: Annotated[str, HOST] = Field("localhost", alias="RABBITMQ_HOST")
    port: Annotated[int, whole(1, MAX_PORT)] = Field(5672, alias="RABBITMQ_PORT")
    user: Annotated[str, SHORT_STRING] = Field("guest", alias="RABBITMQ_DEFAULT_USER")
    password: Annotated[str, text("a password", MAX_PASSWORD_BYTES)] = Field(
        "guest", alias="RABBITMQ_DEFAULT_PASS", repr=False
    )
    vhost: Annotated[str, Form(SHORT_STRING.expected, _parse_vhost)] = Field(
        "/", alias="RABBITMQ_VHOST"
    )
    sync_queue_type: Annotated[SyncQueueType, choice(*get_args(SyncQueueType))] = Field(
        "quorum", alias="RABBITMQ_SYNC_QUEUE_TYPE"
    )


class TelemetrySettings(Settings):
    """The level of the logs, and the collector of the traces."""

    log_level: Annotated[LogLevel, choice(*get_args(LogLevel), ignores_case=True)] = Field(
        "info", alias="LOG_LEVEL"
    )
    otlp_endpoint: Annotated[str | None, HTTP_URL] = Field(
        None, alias="OTEL_EXPORTER_OTLP_ENDPOINT"
    )


def read_settings(kind: type[S]) -> S:
    """Read settings of ``kind`` from the environment.

    Raises:
        Misconfigured: see ``require_usable``.
    """
    require_usable(kind)
    return kind()


def require_usable(*kinds: type[Settings]) -> None:
    """Check the variables of all ``kinds``.

    Raises:
        Misconfigured: some are wrong, or have a prefix of ours and are no setting. The sentence
            names each, with what is expected, and has none of their values.
    """
    if mistakes := "; ".join(mistake for kind in kinds for mistake in _mistakes(kind)):
        raise Misconfigured(f"Unusable settings: {mistakes}{'' if mistakes[-1] == '?' else '.'}")


def _mistakes(kind: type[Settings]) -> Iterator[str]:
    if kind.prefix:
        for name in unknown_names(os.environ, kind.prefix, kind.names()):
            known = meant(name, kind.prefix, kind.names())
            shown = name if name.isprintable() else ascii(name)
            if known:
                yield f"unknown {shown}; did you mean {known}?"
            elif not kind.shares_prefix:
                yield f"unknown {shown}; --help lists those that there are"
    try:
        kind()
    except ValidationError as exc:
        for error in exc.errors(include_url=False, include_input=False):
            reason = error.get("ctx", {}).get("error", "cannot be used")
            yield f"{error['loc'][0]}: {reason}" if error["loc"] else str(reason)
