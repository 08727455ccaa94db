"""The predictor's side: a function that is registered under its name."""

import asyncio
import os
from typing import Any

import uvloop
from aio_pika import connect_robust
from aio_pika.patterns import JsonRPC


async def predict(*, value: Any) -> dict[str, Any]:
    """Run the model."""
    return {"input": value, "result": 0}


async def main() -> None:
    """Serve until ended."""
    connection = await connect_robust(os.environ["PEER_AMQP_URL"])
    async with connection:
        rpc = await JsonRPC.create(await connection.channel())
        await rpc.register("predict", predict, auto_delete=True)
        await asyncio.Future()


if __name__ == "__main__":
    uvloop.run(main())
