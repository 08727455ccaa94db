"""The plan of what is started, read from the settings."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Annotated, Final

from pydantic import Field

from common.configuration.addresses import EVERY
from common.configuration.forms import whole
from common.errors import Misconfigured
from common.http.listener import ListenerOfSeveral
from common.settings import (
    BrokerSettings,
    Settings,
    TelemetrySettings,
    read_settings,
    require_usable,
)
from gateway.settings import GatewaySettings
from predictmq.local.ports import LOOPBACK, free_port
from predictor_service.settings import DemoSettings, PredictorSettings

REACHABLE_AT: Final = {EVERY: LOOPBACK, "0.0.0.0": LOOPBACK, "[::]": "[::1]"}
"""The address at which to reach a server that listens on every address."""

MAX_PREDICTORS: Final = 500


class UpSettings(Settings):
    """The settings of ``make up`` itself."""

    predictors: Annotated[int, whole(0, MAX_PREDICTORS)] = Field(1, alias="PREDICTORS")


EVERY_SETTING: Final = (
    *(UpSettings, GatewaySettings, PredictorSettings),
    *(DemoSettings, BrokerSettings, TelemetrySettings),
)
"""The settings of all that is started."""


@dataclass(frozen=True)
class Plan:
    """The processes to start: where each listens, and how many seconds it may take to end."""

    bind: str
    predictor_binds: tuple[str, ...]
    gateway_drain_s: float
    predictor_drain_s: float

    @property
    def names(self) -> list[str]:
        """The names of all processes, the gateway's first."""
        return ["gateway", *(f"predictor-{n}" for n, _ in enumerate(self.predictor_binds, 1))]

    @property
    def addresses(self) -> list[str]:
        """The address at which each process is reached, in the order of ``names``."""
        return [reachable(bind) for bind in (self.bind, *self.predictor_binds)]


def reachable(bind: str) -> str:
    """Return the address and port at which to reach a server that listens on ``bind``."""
    host, _, port = bind.rpartition(":")
    return f"{REACHABLE_AT.get(host, host)}:{port}"


def read_plan() -> Plan:
    """Read the settings, and check that the gateway's ports are free.

    Raises:
        Misconfigured: a setting of any process is wrong, or a port is taken.
    """
    require_usable(*EVERY_SETTING)
    gateway, predictor = read_settings(GatewaySettings), read_settings(PredictorSettings)
    count = read_settings(UpSettings).predictors
    require_free(gateway.binds)
    return Plan(
        bind=gateway.binds[0],
        # PREDICTOR_HEALTH_BIND is one place and cannot hold several: each gets its own.
        predictor_binds=tuple(_other_binds(gateway.binds, count)),
        gateway_drain_s=gateway.drain_s,
        predictor_drain_s=predictor.drain_s,
    )


def _other_binds(binds: Collection[str], count: int) -> Iterator[str]:
    """Yield free addresses; nobody listens on the ports of ``binds`` yet, so they seem free."""
    taken = {bind.rpartition(":")[2] for bind in binds}
    ports = (port for port in iter(free_port, None) if str(port) not in taken)
    yield from (f"{LOOPBACK}:{port}" for port in islice(ports, count))


def require_free(binds: Iterable[str]) -> None:
    """Check that a server can listen on ``binds``.

    Raises:
        Misconfigured: it cannot; the sentence says why.
    """
    for bind in binds:
        try:
            ListenerOfSeveral([bind]).close()
        except Misconfigured as exc:
            reason = getattr(exc.__cause__, "strerror", exc)
            raise Misconfigured(
                f"The gateway cannot listen on {bind} ({reason}): end what uses it, or choose "
                f"another address, as in GATEWAY_BIND=127.0.0.1:8090 make up."
            ) from exc
