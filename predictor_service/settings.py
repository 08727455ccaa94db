"""The predictor's settings, all of them, with their units in their names."""

from typing import Annotated

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from common.settings import Bind


class PredictorSettings(BaseSettings):
    """What an operator can set of a predictor."""

    model_config = SettingsConfigDict(frozen=True, env_ignore_empty=True, extra="ignore")

    models: str = Field("demo", alias="PREDICTOR_MODEL")
    concurrency: Annotated[int, Field(ge=1, le=1000)] = Field(1, alias="PREDICTOR_CONCURRENCY")
    drain_s: Annotated[float, Field(gt=0, allow_inf_nan=False)] = Field(
        35, alias="PREDICTOR_DRAIN_S"
    )
    health_bind: Bind | None = Field(None, alias="PREDICTOR_HEALTH_BIND")
