"""Server-sent events of one prediction, in the format of the HTML standard."""

from collections.abc import AsyncIterator
from typing import Final

import msgspec

from common.contract.messages import MessageType
from common.errors import MalformedHeader, PredictionError
from common.http.error_response import render_error
from gateway.api.responses import output_body
from gateway.predictions.follow import Ending, KeepAlive, Pending, StreamItem
from gateway.reply_stream.live_events import Event

EVENT_STREAM: Final = "text/event-stream"

MAX_OFFSET_DIGITS: Final = 18
"""Longer offsets are refused: no stream reaches them, and RabbitMQ takes at most 19 digits."""


def last_event_id(header: str | None) -> int | None:
    """Read the offset in ``Last-Event-ID``; None if the client has received no event.

    Raises:
        MalformedHeader: the id is not an offset; to ignore it would repeat all events.
    """
    if not header:
        return None
    if not (header.isascii() and header.isdecimal() and len(header) <= MAX_OFFSET_DIGITS):
        raise MalformedHeader("The Last-Event-ID is none that this stream has sent.")
    return int(header)


async def event_stream(
    items: AsyncIterator[StreamItem], prediction_id: str
) -> AsyncIterator[bytes]:
    """Render each item of a prediction as a block of the stream."""
    async for item in items:
        yield _block(item, prediction_id)


def _block(item: StreamItem, prediction_id: str) -> bytes:
    id_line = b"id: %d\n" % item.offset if item.offset >= 0 else b""
    if isinstance(item, KeepAlive):  # a comment; its id is where the client resumes
        return b": nothing new\n%b\n" % id_line
    name, data = _name_and_data(item, prediction_id)
    line = data.replace(b"\n", b" ").replace(b"\r", b" ")  # only between tokens of JSON
    parts = (b"event: ", name.encode(), b"\n", id_line, b"data: ", line, b"\n\n")
    return b"".join(parts)  # a large result is copied once, by % several times


def _name_and_data(item: Pending | Event | Ending, prediction_id: str) -> tuple[str, bytes]:
    if isinstance(item, Ending):
        return item.reply.state, _final_body(item, prediction_id)
    if isinstance(item, Pending):
        return "pending", msgspec.json.encode({"prediction_id": prediction_id})
    if item.type == MessageType.PROGRESS and item.progress is not None:
        return "progress", item.progress.json()
    return "started", msgspec.json.encode({"prediction_id": prediction_id})


def _final_body(ending: Ending, prediction_id: str) -> bytes:
    """Render the body of a GET, whatever its status."""
    try:
        return output_body(ending.reply.result(), prediction_id)
    except PredictionError as exc:
        return render_error(0, exc.code, exc.sentence, None).body
