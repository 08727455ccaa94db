"""All settings of the predictor, with their units in their names."""

from typing import Annotated, Final, Literal, get_args

from pydantic import Field

from common.configuration.addresses import BIND
from common.configuration.forms import anything, choice, number, whole
from common.settings import Settings

LONGEST_RUN_S: Final = 1500.0
"""The longest time that a run may take, also when the inputs of a batch run again one by one:
RabbitMQ requeues a delivery that was not acknowledged for 1800 s."""

Isolation = Literal["thread", "process"]

Models = Annotated[str, anything("models, such as demo or name=package.module:attribute")]
Count = Annotated[int, whole(1, 1000)]


class PredictorSettings(Settings):
    """The settings of a predictor."""

    prefix = "PREDICTOR_"

    models: Models = Field("demo", alias="PREDICTOR_MODEL")
    concurrency: Count = Field(1, alias="PREDICTOR_CONCURRENCY")
    isolation: Annotated[Isolation, choice(*get_args(Isolation))] = Field(
        "thread", alias="PREDICTOR_ISOLATION"
    )
    max_batch: Count = Field(1, alias="PREDICTOR_MAX_BATCH")
    batch_window_ms: Annotated[float, number("milliseconds", 60_000, can_be_zero=True)] = Field(
        0, alias="PREDICTOR_BATCH_WINDOW_MS"
    )
    timeout_s: Annotated[float, number("seconds", LONGEST_RUN_S)] = Field(
        600, alias="PREDICTOR_TIMEOUT_S"
    )
    drain_s: Annotated[float, number("seconds")] = Field(35, alias="PREDICTOR_DRAIN_S")
    health_bind: Annotated[str | None, BIND] = Field(None, alias="PREDICTOR_HEALTH_BIND")


class DemoSettings(Settings):
    """The settings of the demo model."""

    prefix = "DEMO_"
    shares_prefix = True

    delay_s: Annotated[float, number("seconds", can_be_zero=True)] = Field(0, alias="DEMO_DELAY_S")
