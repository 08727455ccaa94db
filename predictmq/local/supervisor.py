"""The gateway and the predictors as one thing that starts, runs and ends."""

import asyncio
import signal
from dataclasses import dataclass
from typing import Final

from predictmq.local.child_process import UNUSABLE_CONFIGURATION, Child
from predictmq.local.console import Console
from predictmq.local.rabbitmq.broker import BrokerFailed, PrivateBroker
from predictmq.local.readiness import greeting, until_ready

MARGIN_S: Final = 5.0
"""What a service may take beyond its drain time to end."""

BROKER_CHECK_S: Final = 1.0

Task = asyncio.Task[None]


@dataclass(frozen=True)
class Plan:
    """What is started, and how many seconds it may take to end."""

    bind: str
    predictor_binds: tuple[str, ...]
    gateway_drain_s: float
    predictor_drain_s: float

    @property
    def names(self) -> list[str]:
        """The names of all processes."""
        return ["gateway", *(f"predictor-{n}" for n, _ in enumerate(self.predictor_binds, 1))]


class Services:
    """Child processes that are started together and end in an order that loses nothing."""

    def __init__(
        self, plan: Plan, environ: dict[str, str], console: Console, node: PrivateBroker | None
    ) -> None:
        self._plan = plan
        self._node = node
        self._say = console.voice("up")
        self._exit_code = 0
        self._stopping = asyncio.Event()
        gateway, *predictors = plan.names
        self._gateway = Child("gateway", environ, console.voice(gateway))
        self._predictors = [
            Child(
                "predictor_service", environ | {"PREDICTOR_HEALTH_BIND": bind}, console.voice(name)
            )
            for name, bind in zip(predictors, plan.predictor_binds, strict=True)
        ]

    async def run(self) -> int:
        """Run until told to stop or until the gateway ends for good; returns the exit code.

        Raises:
            KeyboardInterrupt: told twice; everything has been killed.
        """
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, self._interrupt)
        async with asyncio.TaskGroup() as group:
            gateway = group.create_task(self._mind(self._gateway))
            predictors = [group.create_task(self._mind(child)) for child in self._predictors]
            greet = group.create_task(self._greet())
            broker = group.create_task(self._mind_broker())
            await self._stopping.wait()
            greet.cancel()
            broker.cancel()
            await self._drain(gateway, predictors)
        if self._exit_code == 128 + signal.SIGINT:
            raise KeyboardInterrupt
        return self._exit_code

    def _interrupt(self) -> None:
        if not self._stopping.is_set():
            self._say("Stopping; once more to stop at once.")
            self._stopping.set()
            return
        self._exit_code = 128 + signal.SIGINT
        for child in (self._gateway, *self._predictors):
            child.kill()

    async def _mind(self, child: Child) -> None:
        code = await child.run()
        if code == UNUSABLE_CONFIGURATION:
            self._exit_code = code
        if code == UNUSABLE_CONFIGURATION or child is self._gateway:
            self._stopping.set()

    async def _mind_broker(self) -> None:
        """Start our own broker again if it crashes."""
        while self._node is not None:
            await asyncio.sleep(BROKER_CHECK_S)
            if not self._node.is_running:
                self._say("RabbitMQ has ended and is started again.")
                try:
                    self._node.start()  # in this thread: see ``end_with_parent``
                except BrokerFailed as exc:
                    self._say(str(exc))
                    self._exit_code = UNUSABLE_CONFIGURATION
                    self._stopping.set()
                    return

    async def _greet(self) -> None:
        await until_ready([self._plan.bind, *self._plan.predictor_binds])
        if self._node is not None:
            await asyncio.to_thread(self._node.write_tables)
        self._say(greeting(self._plan.bind, self._plan.predictor_binds))

    async def _drain(self, gateway: Task, predictors: list[Task]) -> None:
        """The gateway goes first: what it has accepted still needs the predictors."""
        plan, clock = self._plan, asyncio.get_running_loop().time
        deadline = clock() + max(plan.gateway_drain_s, plan.predictor_drain_s) + MARGIN_S
        self._gateway.terminate()
        await asyncio.wait([gateway], timeout=plan.gateway_drain_s)
        for child in self._predictors:
            child.terminate()
        await asyncio.wait([gateway, *predictors], timeout=deadline - clock())
        for child in (self._gateway, *self._predictors):
            child.kill()
