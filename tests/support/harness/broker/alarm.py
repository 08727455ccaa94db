"""A broker that is short of memory and takes no messages."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from predictmq.local.rabbitmq.broker import PrivateBroker

WATERMARK: Final = "set_vm_memory_high_watermark"


@asynccontextmanager
async def memory_alarm(broker: PrivateBroker) -> AsyncIterator[None]:
    """Have the broker raise its memory alarm for as long as the context lasts."""
    await asyncio.to_thread(broker.ctl, WATERMARK, "0.000001")
    try:
        yield
    finally:
        await asyncio.to_thread(broker.ctl, WATERMARK, "0.4")
