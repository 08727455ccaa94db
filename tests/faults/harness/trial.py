"""A trial: services under a fault, the calls made meanwhile, and the check after it."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping, Set
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, Self

import httpx

from predictmq.local.rabbitmq.broker import PrivateBroker
from tests.faults.harness.checker import compare
from tests.faults.harness.footprint import Footprints
from tests.faults.harness.ledger import Call, Ledger, answers_about
from tests.faults.harness.stream import first_events
from tests.support.harness.calls import client
from tests.support.harness.services import Cluster, Service, new_vhost
from tests.support.harness.waiting import until
from tests.support.models.scripted import SCRIPTED

DEADLINE_S: Final = 15.0
"""A sync call's deadline, unless a test sets another."""

LOG_LINES: Final = 40
COME_AGAIN_S: Final = 0.1
SHARING: Final = 100
"""One client for all would take a time that grows with the square of their number."""

SYNC_ENDINGS: Final = frozenset({200, 503, 504})
"""The statuses of a sync call during a fault."""

NOT_FOUND: Final = 404


class Trial:
    """Gateways and predictors of ``Scripted``; an async context manager that ends them.

    ``report`` is told how long the recovery took.
    """

    def __init__(
        self,
        broker: PrivateBroker,
        directory: Path,
        report: Callable[[str, object], None],
        *,
        vhost: str | None = None,
        deadline_s: float = DEADLINE_S,
    ) -> None:
        self.broker = broker
        self.vhost = vhost or new_vhost(broker)
        self.deadline_s = deadline_s
        self.ledger = Ledger()
        self.gateways: list[Service] = []
        self.predictors: list[Service] = []
        self._cluster = Cluster(broker, directory, self.vhost)
        self._report = report
        self._clients: dict[tuple[Service, int], httpx.AsyncClient] = {}
        self._calls: list[asyncio.Task[Call]] = []
        self._footprints = Footprints(broker, self.vhost)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        try:
            for call in self._calls:
                call.cancel()
            await asyncio.gather(*self._calls, return_exceptions=True)
            await self._hang_up()
        finally:
            self._cluster.__exit__()

    @property
    def services(self) -> list[Service]:
        """The services to check: a test removes ended ones from ``gateways`` or ``predictors``."""
        return [*self.gateways, *self.predictors]

    def gateway(self, **settings: str) -> Service:
        """Start one more gateway."""
        defaults = {
            "DEFAULT_MODEL": "scripted",
            "GATEWAY_SYNC_TIMEOUT_S": str(self.deadline_s),
        }
        self.gateways.append(self._cluster.gateway(**defaults | settings))
        return self.gateways[-1]

    def predictor(self, **settings: str) -> Service:
        """Start one more predictor."""
        self.predictors.append(self._cluster.predictor(**SCRIPTED | settings))
        return self.predictors[-1]

    async def begin(self) -> None:
        """Wait until all services respond, and note their footprints."""
        await self._all_answer()
        await self._hang_up()
        await self._footprints.note(self.services)

    def http(self, gateway: Service, caller: int = 0) -> httpx.AsyncClient:
        """Return a caller's client of one gateway; ``SHARING`` callers share one client."""
        key = gateway, caller // SHARING
        if key not in self._clients:
            self._clients[key] = client(gateway.url)
        return self._clients[key]

    def start(
        self, count: int, *, of: Service | None = None, is_async: bool = False, **script: Any
    ) -> list[asyncio.Task[Call]]:
        """Start ``count`` calls at once, to the gateways in turn or to one."""
        gateways = [of] if of else self.gateways
        calls = [
            asyncio.create_task(
                self.ledger.call(
                    self.http(gateways[n % len(gateways)], n), is_async=is_async, **script
                )
            )
            for n in range(count)
        ]
        self._calls += calls
        return calls

    @asynccontextmanager
    async def traffic(
        self, callers: int, *, every_s: float = 0.0, **script: Any
    ) -> AsyncIterator[None]:
        """Run callers, every second one async, that call in sequence until the context ends.

        Async calls end when they are accepted, so ``every_s``, a pause, keeps them from piling up.
        Those who are turned away come again a moment later.
        """
        ending = asyncio.Event()

        async def call_on(number: int) -> None:
            gateway = self.http(self.gateways[number // 2 % len(self.gateways)])
            while not ending.is_set():
                call = await self.ledger.call(gateway, is_async=number % 2 == 1, **script)
                is_served = call.status in (200, 202)
                await asyncio.sleep(every_s if is_served else max(every_s, COME_AGAIN_S))

        calling = [asyncio.create_task(call_on(number)) for number in range(callers)]
        try:
            yield
        finally:
            ending.set()
            await asyncio.gather(*calling)

    async def check(
        self,
        *,
        ends: Mapping[str, int] | None = None,
        sync_endings: Set[int] = SYNC_ENDINGS,
        strange_ids: Set[str] = frozenset(),
        unrecorded: Set[str] = frozenset(),
        recovers_within_s: float = 60.0,
    ) -> None:
        """Wait, after the fault, until every gateway succeeds, and check every promise.

        ``ends`` has the status of each nonce whose prediction is to end otherwise than with 200,
        ``strange_ids`` the ids that none was given and of which the test made messages,
        ``unrecorded`` the nonces whose final states the stream has lost.
        """
        healed_s = time.monotonic()
        await self._all_answer(recovers_within_s)
        recovered_s = time.monotonic() - healed_s
        self._report("recovered_s", round(recovered_s, 2))
        await asyncio.gather(*(call for call in self._calls if not call.cancelled()))
        sync = [call for call in self.ledger.calls if not call.is_async]
        others = [call for call in sync if call.status not in sync_endings]
        assert not others, f"ended otherwise than with {set(sync_endings)}: {others[:3]}"
        gateways = [self.http(gateway) for gateway in self.gateways]
        answers = await self.ledger.final_answers(gateways)
        events = await first_events(self.broker, self.vhost)
        promised = {key: event for key, event in events.items() if key not in strange_ids}
        findings = compare(
            self.ledger, answers, promised, self.deadline_s, ends=ends, unrecorded=unrecorded
        )
        assert not str(findings), findings
        for strange_id in strange_ids:
            answers_to_it = await answers_about(gateways, strange_id)
            assert {status for status, _ in answers_to_it} == {NOT_FOUND}, answers_to_it
        await self._hang_up()
        await self._footprints.fit(self.services)

    def describe(self) -> str:
        """Return the queues, their consumers, and the newest lines of each service's log."""
        counts = ("name", "messages_ready", "messages_unacknowledged")
        queues = self.broker.ctl("list_queues", "--vhost", self.vhost, *counts)
        consumers = self.broker.ctl("list_consumers", "--vhost", self.vhost)
        logs = ["\n".join(each.log.splitlines()[-LOG_LINES:]) for each in self.services]
        return "\n\n".join([queues, consumers, *logs])

    async def _all_answer(self, timeout_s: float = 60.0) -> None:
        async with asyncio.timeout(timeout_s):
            for service in self.services:
                await service.ready(timeout_s)
            for gateway in self.gateways:
                http = self.http(gateway)

                async def answers(http: httpx.AsyncClient = http) -> bool:
                    return (await self.ledger.call(http)).status == 200

                await until(answers, lambda: "a call is answered", timeout_s)

    async def _hang_up(self) -> None:
        for http in self._clients.values():
            await http.aclose()
        self._clients.clear()
