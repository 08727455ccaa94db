"""The predictor's side: a subscriber whose return value is the answer."""

import os
from typing import Any

from faststream import FastStream
from faststream.rabbit import RabbitBroker
from pydantic import BaseModel

broker = RabbitBroker(os.environ["PEER_AMQP_URL"])
app = FastStream(broker)


class Question(BaseModel):
    """The body of a request."""

    input: Any


@broker.subscriber("predict")
async def predict(question: Question) -> dict[str, Any]:
    """Run the model."""
    return {"input": question.input, "result": 0}
