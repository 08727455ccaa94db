"""The settings that both services share, and the reader of every service's settings."""

from typing import Annotated, TypeVar

from pydantic import AfterValidator, BeforeValidator, Field, HttpUrl, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from common.contract.topology import SyncQueueType
from common.errors import Misconfigured
from common.telemetry.logs import LogLevel

MODEL_NAME = r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$"
"""The pattern of model names, which are part of URLs and of queue names."""


def _host_and_port(bind: str) -> str:
    host, _, port = bind.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 2**16:
        raise ValueError(f"{bind!r} is not an address and a port, like 127.0.0.1:8080")
    return bind


Port = Annotated[int, Field(ge=1, le=65535)]
Bind = Annotated[str, AfterValidator(_host_and_port)]
"""An address and a port to listen on."""

S = TypeVar("S", bound=BaseSettings)


class BrokerSettings(BaseSettings):
    """The address of RabbitMQ, and the user of the services there."""

    model_config = SettingsConfigDict(frozen=True, env_ignore_empty=True, extra="ignore")

    host: str = Field("localhost", alias="RABBITMQ_HOST")
    port: Port = Field(5672, alias="RABBITMQ_PORT")
    user: str = Field("guest", alias="RABBITMQ_DEFAULT_USER")
    password: str = Field("guest", alias="RABBITMQ_DEFAULT_PASS", repr=False)
    vhost: str = Field("/", alias="RABBITMQ_VHOST")
    sync_queue_type: SyncQueueType = Field("quorum", alias="RABBITMQ_SYNC_QUEUE_TYPE")


class TelemetrySettings(BaseSettings):
    """The level of the logs, and the collector of the traces."""

    model_config = SettingsConfigDict(frozen=True, env_ignore_empty=True, extra="ignore")

    log_level: Annotated[LogLevel, BeforeValidator(str.lower)] = Field("info", alias="LOG_LEVEL")
    otlp_endpoint: HttpUrl | None = Field(None, alias="OTEL_EXPORTER_OTLP_ENDPOINT")


def read_settings(kind: type[S]) -> S:
    """Read settings of ``kind`` from the environment.

    Raises:
        Misconfigured: variables are wrong; the sentence names each of them, with the reason.
    """
    try:
        return kind()
    except ValidationError as exc:
        wrong = "; ".join(
            f"{error['loc'][0] if error['loc'] else 'settings'}: {error['msg']}"
            for error in exc.errors()
        )
        raise Misconfigured(f"Unusable settings: {wrong.replace('Value error, ', '')}.") from exc
