"""Turn what the AMQP library raises into our errors, wherever it is called."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from aio_pika.exceptions import CONNECTION_EXCEPTIONS
from aiormq.exceptions import ChannelAccessRefused, DeliveryError, PublishError

from common.errors import ConnectionLost, NotPermitted, Refused, Unconfirmed, Unroutable


@contextmanager
def translated() -> Iterator[None]:
    """Turn what aiormq raises into our errors, a stray ``CancelledError`` included.

    When a peer falls silent, aiormq rejects what waits for it with ``CancelledError``; only
    ``Task.cancelling`` tells that from a caller who really was cancelled.
    """
    try:
        yield
    except asyncio.CancelledError as exc:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        raise ConnectionLost("The connection to the broker fell silent.") from exc
    except PublishError as exc:
        raise Unroutable("The queue this is addressed to does not exist.") from exc
    except DeliveryError as exc:
        raise Refused("The queue is full.") from exc
    except ChannelAccessRefused as exc:
        raise NotPermitted("The message broker does not let this service do that.") from exc
    except TimeoutError as exc:  # an OSError too, so it comes before the others
        raise Unconfirmed("The broker did not confirm in time.") from exc
    except CONNECTION_EXCEPTIONS as exc:
        raise ConnectionLost(f"The connection to the broker was lost: {exc}.") from exc
