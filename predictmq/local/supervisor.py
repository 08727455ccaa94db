"""The supervisor of the gateway and the predictors: their start, their run and their end."""

import asyncio
import signal
from typing import Final

from predictmq.local.child_process import UNUSABLE_CONFIGURATION, ChildProcess
from predictmq.local.console import Console, greeting
from predictmq.local.plan import Plan
from predictmq.local.rabbitmq.broker import PrivateBroker
from predictmq.local.rabbitmq.errors import BrokerFailed
from predictmq.local.readiness import wait_until_ready

MARGIN_S: Final = 5.0
"""The time that a service may take to end beyond its drain time."""

BROKER_CHECK_S: Final = 1.0

Task = asyncio.Task[None]


class Supervisor:
    """Child processes that start together and end in an order in which no prediction is lost.

    ``node`` is the broker if it has to be restarted when it crashes.
    """

    def __init__(
        self, plan: Plan, environ: dict[str, str], console: Console, node: PrivateBroker | None
    ) -> None:
        self._plan = plan
        self._node = node
        self._say = console.voice("up")
        self._exit_code = 0
        self._stopping = asyncio.Event()
        gateway, *predictors = plan.names
        self._gateway = ChildProcess("gateway", environ, console.voice(gateway))
        self._predictors = [
            ChildProcess(
                "predictor_service", environ | {"PREDICTOR_HEALTH_BIND": bind}, console.voice(name)
            )
            for name, bind in zip(predictors, plan.predictor_binds, strict=True)
        ]

    async def run(self) -> int:
        """Run until the first SIGINT or SIGTERM, or until the gateway ends for good.

        Returns the exit code.

        Raises:
            KeyboardInterrupt: a second signal came; every process has been killed.
        """
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, self._interrupt)
        async with asyncio.TaskGroup() as group:
            gateway = group.create_task(self._watch(self._gateway))
            predictors = [group.create_task(self._watch(child)) for child in self._predictors]
            greet = group.create_task(self._greet())
            broker = group.create_task(self._watch_broker())
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

    async def _watch(self, child: ChildProcess) -> None:
        code = await child.run()
        if code == UNUSABLE_CONFIGURATION:
            self._exit_code = code
        if code == UNUSABLE_CONFIGURATION or child is self._gateway:
            self._stopping.set()

    async def _watch_broker(self) -> None:
        """Restart our own broker when it crashes."""
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
        await wait_until_ready(self._plan.addresses)
        if self._node is not None:
            await asyncio.to_thread(self._node.write_tables)
        self._say(greeting(*self._plan.addresses))

    async def _drain(self, gateway: Task, predictors: list[Task]) -> None:
        """Stop the gateway first: the requests that it has accepted still need the predictors."""
        plan, clock = self._plan, asyncio.get_running_loop().time
        deadline = clock() + max(plan.gateway_drain_s, plan.predictor_drain_s) + MARGIN_S
        self._gateway.terminate()
        await asyncio.wait([gateway], timeout=plan.gateway_drain_s)
        for child in self._predictors:
            child.terminate()
        await asyncio.wait([gateway, *predictors], timeout=deadline - clock())
        for child in (self._gateway, *self._predictors):
            child.kill()
