"""Turn what the AMQP library raises into our errors, wherever it is called."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from aio_pika.exceptions import CONNECTION_EXCEPTIONS
from aiormq.exceptions import ChannelAccessRefused, DeliveryError, PublishError

from common.errors import ConnectionLost, NotPermitted, Refused, Unconfirmed, Unroutable

_IN_OUR_WORDS: Final = (
    (asyncio.CancelledError, ConnectionLost, "The connection to the broker fell silent."),
    (PublishError, Unroutable, "The queue this is addressed to does not exist."),
    (DeliveryError, Refused, "The queue is full."),
    (ChannelAccessRefused, NotPermitted, "The message broker does not let this service do that."),
    # An OSError too, so it comes before the others.
    (TimeoutError, Unconfirmed, "The broker did not confirm in time."),
)


def map_error(exc: BaseException) -> Exception | None:
    """What an exception of aiormq's is among our errors; None for any other.

    When a peer falls silent, aiormq rejects what waits for it with ``CancelledError``; when one
    hangs up without a word, with a bare ``Exception``.
    """
    for theirs, ours, sentence in _IN_OUR_WORDS:
        if isinstance(exc, theirs):
            return ours(sentence)
    if isinstance(exc, CONNECTION_EXCEPTIONS) or type(exc) is Exception:
        return ConnectionLost(f"The connection to the broker was lost: {str(exc) or 'it hung up'}.")
    return None


@contextmanager
def mapped_errors() -> Iterator[None]:
    """Turn what aiormq raises into our errors, a stray ``CancelledError`` included.

    Only ``Task.cancelling`` tells that from a caller who really was cancelled.
    """
    try:
        yield
    except (asyncio.CancelledError, Exception) as exc:
        task = asyncio.current_task()
        if isinstance(exc, asyncio.CancelledError) and (task is None or task.cancelling()):
            raise
        ours = map_error(exc)
        if ours is None:
            raise
        raise ours from exc
