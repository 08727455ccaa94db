"""The publisher confirms of one channel, as futures. No I/O.

The broker counts the publishes of a channel from 1, and confirms them by their number.
"""

import asyncio
from uuid import uuid4

from common.amqp.error_mapping import map_error
from common.amqp.frames.events import Confirmed
from common.errors import ConnectionLost, Refused, Unroutable


class PublisherConfirms:
    """The outstanding confirms; nobody else may publish on the channel.

    A confirm that its caller no longer awaits stays until the broker has settled it.
    """

    def __init__(self) -> None:
        self._token = uuid4().hex
        self._last_tag = 0
        self._outstanding: dict[int, asyncio.Future[object]] = {}  # in ascending order

    @property
    def next_message_id(self) -> str:
        """The message id for the next publish, by which a returned message finds its confirm."""
        return f"{self._token}-{self._last_tag + 1}"

    def expect(self) -> asyncio.Future[object]:
        """Return the confirm of a publish that is sent now."""
        self._last_tag += 1
        confirm: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        self._outstanding[self._last_tag] = confirm
        return confirm

    def settle(self, confirmed: Confirmed) -> None:
        """Apply a confirm of the broker; one for a publish that is settled already is ignored."""
        for tag in self._tags_of(confirmed):
            confirm = self._outstanding.pop(tag, None)
            if confirm is None or confirm.done():
                continue
            if confirmed.is_taken:
                confirm.set_result(None)
            else:
                _fail(confirm, Refused("The queue is full."))

    def settle_returned(self, message_id: str) -> None:
        """Fail the confirm of a returned message; the broker confirms it after this."""
        token, _, tag = message_id.rpartition("-")
        confirm = self._outstanding.pop(int(tag), None) if token == self._token else None
        if confirm is not None and not confirm.done():
            _fail(confirm, Unroutable("The queue this is addressed to does not exist."))

    def fail_all(self, reason: BaseException | None) -> None:
        """Fail all outstanding confirms: the channel has ended because of ``reason``."""
        outstanding, self._outstanding = self._outstanding, {}
        for confirm in outstanding.values():
            if not confirm.done():
                _fail(confirm, _error(reason))

    def _tags_of(self, confirmed: Confirmed) -> list[int]:
        if not confirmed.multiple:
            return [confirmed.delivery_tag]
        tags = []
        for tag in self._outstanding:
            if tag > confirmed.delivery_tag:
                break
            tags.append(tag)
        return tags


def _error(reason: BaseException | None) -> BaseException:
    """Return our error for the end of a channel."""
    if reason is None:
        return ConnectionLost("The channel was closed.")
    error = map_error(reason)
    if error is None:
        return reason
    error.__cause__ = reason
    return error


def _fail(confirm: asyncio.Future[object], error: BaseException) -> None:
    confirm.set_exception(error)
    confirm.exception()  # read here, so that asyncio never logs it as unread
