"""The HTTP side: a JsonRPC client over a robust connection."""

import os
from typing import Any

from aio_pika import connect_robust
from aio_pika.abc import AbstractRobustConnection
from aio_pika.patterns import RPC, JsonRPC
from quart import Quart, request

app = Quart(__name__)
connection: AbstractRobustConnection
rpc: RPC


@app.before_serving
async def connect() -> None:
    """Connect once, and keep one client for all requests."""
    global connection, rpc  # noqa: PLW0603 - as small applications do
    connection = await connect_robust(os.environ["PEER_AMQP_URL"])
    rpc = await JsonRPC.create(await connection.channel())


@app.after_serving
async def disconnect() -> None:
    """Leave in good order."""
    await connection.close()


@app.post("/predict")
async def predict() -> dict[str, Any]:
    """Ask the predictor and wait for its answer."""
    body = await request.get_json()
    answer: dict[str, Any] = await rpc.proxy.predict(value=body["input"])
    return answer
