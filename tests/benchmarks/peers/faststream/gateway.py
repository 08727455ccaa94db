"""The HTTP side: a request through the broker for each call."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from faststream.rabbit import RabbitBroker
from pydantic import BaseModel

broker = RabbitBroker(os.environ["PEER_AMQP_URL"])


class Question(BaseModel):
    """The body of a call."""

    input: Any


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    """Keep the broker connected while the application runs."""
    async with broker:
        await broker.start()
        yield


app = FastAPI(lifespan=lifespan)


@app.post("/predict")
async def predict(question: Question) -> Any:
    """Ask the predictor and wait for its answer."""
    answer = await broker.request(question.model_dump(), queue="predict", timeout=30)
    return await answer.decode()
