"""The Celery application: RabbitMQ carries the tasks, Redis keeps the results."""

import os
from typing import Any

from celery import Celery

app = Celery("tasks", broker=os.environ["PEER_AMQP_URL"], backend=os.environ["PEER_REDIS_URL"])


@app.task
def predict(value: Any) -> dict[str, Any]:
    """Run the model."""
    return {"input": value, "result": 0}
