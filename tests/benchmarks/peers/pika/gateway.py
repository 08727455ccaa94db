"""The HTTP side: a blocking RPC client for each call.

A blocking connection belongs to one thread, so each call opens its own, as the tutorials do.
"""

import json
import os
import uuid
from typing import Any

import pika
from flask import Flask, request

app = Flask(__name__)


class RpcClient:
    """One connection with its callback queue."""

    def __init__(self) -> None:
        self.connection = pika.BlockingConnection(pika.URLParameters(os.environ["PEER_AMQP_URL"]))
        self.channel = self.connection.channel()
        self.callback_queue = self.channel.queue_declare("", exclusive=True).method.queue
        self.channel.basic_consume(self.callback_queue, self.on_response, auto_ack=True)
        self.correlation_id = str(uuid.uuid4())
        self.response: bytes | None = None

    def on_response(self, _channel: Any, _method: Any, properties: Any, body: bytes) -> None:
        """Take the answer that is ours."""
        if properties.correlation_id == self.correlation_id:
            self.response = body

    def call(self, body: bytes) -> Any:
        """Publish the request, and process events until its answer is there."""
        properties = pika.BasicProperties(
            reply_to=self.callback_queue, correlation_id=self.correlation_id
        )
        self.channel.basic_publish("", "predict", body, properties)
        while self.response is None:
            self.connection.process_data_events(time_limit=30)
        return json.loads(self.response)


@app.post("/predict")
def predict() -> Any:
    """Ask the predictor and wait for its answer."""
    client = RpcClient()
    try:
        return client.call(json.dumps(request.get_json()["input"]).encode())
    finally:
        client.connection.close()
