"""All settings of the predictor, with their units in their names."""

from typing import Annotated, Final, Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from common.settings import Bind

LONGEST_RUN_S: Final = 1500.0
"""The longest time that a run may take, also when the inputs of a batch run again one by one:
RabbitMQ requeues a delivery that was not acknowledged for 1800 s."""


class PredictorSettings(BaseSettings):
    """The settings of a predictor, read from the environment."""

    model_config = SettingsConfigDict(frozen=True, env_ignore_empty=True, extra="ignore")

    models: str = Field("demo", alias="PREDICTOR_MODEL")
    concurrency: Annotated[int, Field(ge=1, le=1000)] = Field(1, alias="PREDICTOR_CONCURRENCY")
    isolation: Literal["thread", "process"] = Field("thread", alias="PREDICTOR_ISOLATION")
    max_batch: Annotated[int, Field(ge=1, le=1000)] = Field(1, alias="PREDICTOR_MAX_BATCH")
    batch_window_ms: Annotated[float, Field(ge=0, le=60_000)] = Field(
        0, alias="PREDICTOR_BATCH_WINDOW_MS"
    )
    timeout_s: Annotated[float, Field(gt=0, le=LONGEST_RUN_S)] = Field(
        600, alias="PREDICTOR_TIMEOUT_S"
    )
    drain_s: Annotated[float, Field(gt=0, allow_inf_nan=False)] = Field(
        35, alias="PREDICTOR_DRAIN_S"
    )
    health_bind: Bind | None = Field(None, alias="PREDICTOR_HEALTH_BIND")
