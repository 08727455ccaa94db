"""The number of consumers of a queue, against a real broker."""

import asyncio

import pytest
from aio_pika.abc import AbstractChannel

from common.contract.topology import model_queues
from common.errors import Unavailable
from tests.integration.conftest import Opened
from tests.support.harness.waiting import until


async def _ignore(_: object) -> None: ...


@pytest.mark.parametrize("kind", ["quorum", "classic"])
async def test_consumers_are_counted_on_either_type_of_queue(
    opened: Opened, raw: AbstractChannel, kind: str
) -> None:
    connection = await opened()
    queue = model_queues("m", "classic" if kind == "classic" else "quorum")[0]
    declared = await raw.declare_queue(queue.name, durable=True, arguments=queue.arguments)

    async def counted(count: int) -> bool:
        return await connection.count_consumers(queue.name) == count

    assert await counted(0)
    tags = [await declared.consume(_ignore) for _ in range(2)]
    await until(lambda: counted(2), lambda: "both count")
    await declared.cancel(tags[0])
    await until(lambda: counted(1), lambda: "one is gone")
    assert connection.is_up
    assert connection.reconnects == 0


async def test_a_missing_queue_has_no_consumers_and_costs_the_connection_nothing(
    opened: Opened,
) -> None:
    connection = await opened()
    counts = await asyncio.gather(
        *(connection.count_consumers(f"none-{n}") for n in range(200)),
        *(connection.channel() for _ in range(20)),
    )
    assert counts[:200] == [0] * 200
    assert await connection.count_consumers("none") == 0
    assert connection.is_up
    assert connection.reconnects == 0


async def test_a_count_on_a_lost_connection_is_unavailable(
    opened: Opened, raw: AbstractChannel
) -> None:
    connection = await opened()
    connection.reconnect("a test")
    with pytest.raises(Unavailable):
        await connection.count_consumers("none")
