"""Our own requestor without HTTP: the way of a gateway from a body to its reply."""

import asyncio
import time
from typing import Final

import uvloop

from common.amqp.connection import SupervisedConnection
from common.settings import BrokerSettings, read_settings
from common.telemetry.logs import configure_logs
from gateway.prediction_id import PredictionIds, derive_key, spell
from gateway.request_reply.order import Order
from gateway.request_reply.requestor import Requestor
from tests.benchmarks.limits.calling import BODY, keep_calling

MODEL: Final = "noop"
READY_S: Final = 10.0
CALL_TIMEOUT_S: Final = 30.0
LIFE_S: Final = 7200.0


async def _nothing(_: SupervisedConnection) -> None:
    """Declare nothing: the predictor has declared the queues."""


async def main() -> None:
    """Make calls over two connections, as a gateway does."""
    broker = read_settings(BrokerSettings)
    ids = PredictionIds(derive_key(broker.password), LIFE_S, time.time)

    async def attach(connection: SupervisedConnection) -> None:
        await requestor.attach(await connection.channel())

    publisher = SupervisedConnection(broker, "bench publisher", _nothing)
    consumer = SupervisedConnection(broker, "bench consumer", attach)
    requestor = Requestor(publisher, consumer, time.time)

    async def call() -> bytes:
        prediction_id = ids.mint()
        order = Order(prediction_id, spell(prediction_id), MODEL, BODY)
        return (await requestor.call(order, CALL_TIMEOUT_S)).result()

    running = [asyncio.create_task(link.run()) for link in (publisher, consumer)]
    try:
        for link in (publisher, consumer):
            await link.ready(READY_S)
        await keep_calling(call)
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


if __name__ == "__main__":
    configure_logs("bench")
    uvloop.run(main())
