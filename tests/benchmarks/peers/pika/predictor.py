"""The predictor's side: consume, answer to the return address, acknowledge."""

import json
import os
from typing import Any

import pika


def on_request(channel: Any, method: Any, properties: Any, body: bytes) -> None:
    """Run the model on one request."""
    answer = {"input": json.loads(body), "result": 0}
    channel.basic_publish(
        "",
        properties.reply_to,
        json.dumps(answer).encode(),
        pika.BasicProperties(correlation_id=properties.correlation_id),
    )
    channel.basic_ack(method.delivery_tag)


def main() -> None:
    """Serve until ended."""
    connection = pika.BlockingConnection(pika.URLParameters(os.environ["PEER_AMQP_URL"]))
    channel = connection.channel()
    channel.queue_declare("predict")
    channel.basic_qos(prefetch_count=1)
    channel.basic_consume("predict", on_request)
    channel.start_consuming()


if __name__ == "__main__":
    main()
