"""The mapping of the AMQP library's exceptions to our errors, used wherever it is called."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from aio_pika.exceptions import CONNECTION_EXCEPTIONS
from aiormq.exceptions import ChannelAccessRefused

from common.errors import ConnectionLost, NotPermitted, Unconfirmed

_MAPPING: Final = (  # the first match counts
    (asyncio.CancelledError, ConnectionLost, "The connection to the broker fell silent."),
    (ChannelAccessRefused, NotPermitted, "The message broker does not let this service do that."),
    # An OSError too, which is one of the CONNECTION_EXCEPTIONS.
    (TimeoutError, Unconfirmed, "The broker did not confirm in time."),
)


def map_error(exc: BaseException) -> Exception | None:
    """Return our error for an exception of aiormq; None for an exception of another origin.

    aiormq fails pending calls with ``CancelledError`` when the peer falls silent, and with a bare
    ``Exception`` when the peer closes the socket without ``connection.close``.
    """
    for theirs, ours, sentence in _MAPPING:
        if isinstance(exc, theirs):
            return ours(sentence)
    if isinstance(exc, CONNECTION_EXCEPTIONS) or type(exc) is Exception:
        return ConnectionLost(f"The connection to the broker was lost: {str(exc) or 'it hung up'}.")
    return None


@contextmanager
def mapped_errors() -> Iterator[None]:
    """Raise our error for each exception of aiormq, a stray ``CancelledError`` included.

    Only ``Task.cancelling`` distinguishes that one from the cancellation of the caller.
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
