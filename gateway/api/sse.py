"""Server-sent events, as the HTML standard spells them: what is told of one prediction."""

from collections.abc import AsyncIterator
from typing import Final

import msgspec

from common.contract.messages import MessageType
from common.errors import MalformedHeader, PredictionError
from common.http.error_response import render_error
from gateway.api.responses import output
from gateway.predictions.follow import Ending, KeepAlive, Pending, StreamItem
from gateway.reply_stream.live_events import Event

EVENT_STREAM: Final = "text/event-stream"

MAX_OFFSET_DIGITS: Final = 18
"""More than a stream will ever have; RabbitMQ takes 19."""


def last_event_id(header: str | None) -> int | None:
    """The offset that ``Last-Event-ID`` names; None if the client has been told nothing.

    Raises:
        MalformedHeader: it is no id of ours, and to begin anew would tell everything again.
    """
    if not header:
        return None
    if not (header.isascii() and header.isdecimal() and len(header) <= MAX_OFFSET_DIGITS):
        raise MalformedHeader("The Last-Event-ID is none that this stream has sent.")
    return int(header)


async def frames(told: AsyncIterator[StreamItem], prediction_id: str) -> AsyncIterator[bytes]:
    """Each of what is told of a prediction, as a block of the stream."""
    async for each in told:
        yield _frame(each, prediction_id)


def _frame(told: StreamItem, prediction_id: str) -> bytes:
    id_line = b"id: %d\n" % told.offset if told.offset >= 0 else b""
    if isinstance(told, KeepAlive):  # a comment; the id moves on, so that less has to be read again
        return b": nothing new\n%b\n" % id_line
    name, data = _name_and_data(told, prediction_id)
    line = data.replace(b"\n", b" ").replace(b"\r", b" ")  # in JSON they stand between tokens only
    return b"event: %b\n%bdata: %b\n\n" % (name.encode(), id_line, line)


def _name_and_data(told: Pending | Event | Ending, prediction_id: str) -> tuple[str, bytes]:
    if isinstance(told, Ending):
        return told.reply.state, _final_body(told, prediction_id)
    if isinstance(told, Pending):
        return "pending", msgspec.json.encode({"prediction_id": prediction_id})
    if told.type == MessageType.PROGRESS and told.progress is not None:
        return "progress", told.progress.json()
    return "started", msgspec.json.encode({"prediction_id": prediction_id})


def _final_body(ending: Ending, prediction_id: str) -> bytes:
    """The body that a GET gets, whatever its status."""
    try:
        return output(ending.reply.result(), prediction_id)
    except PredictionError as exc:
        return render_error(0, exc.code, exc.sentence, None).body
