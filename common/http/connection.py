"""The HTTP/1.1 connection of one client: requests in, one after the other, and responses out.

A request begins when the response to the one before it has ended. Until then reading goes on, so
that a client that leaves is noticed, but not beyond ``MAX_HELD_BYTES``.

A client that sends no more may have left, or closed its sending half only and wait for its response
(RFC 9112, section 9.3). The two look alike until something is sent: ``100 Continue``, which each
client of HTTP/1.1 skips (RFC 9110, section 15.2) and a closed socket answers with a reset.
"""

import asyncio
from contextlib import suppress
from contextvars import copy_context
from functools import partial
from typing import Any, Final, cast

from common.http.error_response import log_error
from common.http.exchange import Exchange
from common.http.llhttp import RequestRefused
from common.http.request_reader import RequestReader
from common.http.response_writer import CONTINUE, ResponseWriter
from common.http.served_application import ServedApplication

KEEP_ALIVE_S: Final = 65
"""The time without a request after which a connection is closed: longer than the 60 s of common
load balancers. The head of a request has to arrive within it."""

UNREAD_BODY_TIMEOUT_S: Final = 5.0
"""The time to read and drop what a client still sends, so that it can read the response: a socket
that is closed with bytes unread resets the connection (RFC 9112, section 9.6)."""

PROBE_DELAYS_S: Final = (0.2, 0.1, 1.0, 10.0)
"""The times between the interim responses to a client that sends no more: none where the response
is fast, and few, since clients count them. It takes two of them: the reset that one causes fails
the next."""

MAX_HELD_BYTES: Final = 2**18
"""The bytes that are read ahead of the application: of a body, or of later requests. The last read
may exceed it."""

PACKET_BYTES: Final = 2**16
"""The bytes that are put together into one write; beyond this size they are sent as they come."""


class HttpConnection(asyncio.Protocol):
    """A connection; whoever closes only its sending half gets responses to its whole requests.

    Data that is sent in one turn of the loop, such as the head and the body of a response, leaves
    in one write.
    """

    def __init__(self, served: ServedApplication, connections: "set[HttpConnection]") -> None:
        self._loop = asyncio.get_running_loop()
        self.closed: asyncio.Future[None] = self._loop.create_future()
        self._served = served
        self._connections = connections
        self._context = copy_context()  # of no request: that of an exchange has its correlation id
        self._reader = RequestReader()
        self._exchange: Exchange | None = None
        self._idle_since_s = self._loop.time()
        self._unsent: list[bytes] = []
        self._unsent_bytes = 0
        self._can_write = asyncio.Event()
        self._is_reading_paused = False
        self._is_closing = False
        self._has_input_ended = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to wait for a request."""
        self._transport = cast(asyncio.Transport, transport)
        self._connections.add(self)
        self.address = _address(transport.get_extra_info("peername"))
        self.server_address = _address(transport.get_extra_info("sockname"))
        self._can_write.set()
        self._timer = self._loop.call_later(KEEP_ALIVE_S, self._check_idle)

    def data_received(self, data: bytes) -> None:
        """Go on with the request in flight, or with the next one; drop the data once closing."""
        if not self._is_closing:
            self._reader.feed(data)
            self._read()

    def eof_received(self) -> bool:
        """Return True: the connection stays open for the response in flight, if there is one."""
        self._has_input_ended = True
        self._go_on_without_input()
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        """Let the application know."""
        self._is_closing = True
        self._timer.cancel()
        self._can_write.set()
        self._connections.discard(self)
        if self._exchange is not None and not self._exchange.is_over:
            self._exchange.client_left()
        self.closed.set_result(None)

    def pause_writing(self) -> None:
        """Have the application wait for a client that is slow to read."""
        self._can_write.clear()

    def resume_writing(self) -> None:
        """Let the application go on."""
        self._can_write.set()

    def close_if_idle(self) -> None:
        """Close the connection, unless it has a request in flight."""
        if self._exchange is None or self._exchange.is_over:
            self._transport.close()

    def abort(self) -> None:
        """Close the connection at once, although its client has not read everything."""
        self._transport.abort()

    async def write(self, data: bytes) -> None:
        """Send bytes; returns when more can be taken, or the client has left."""
        if not self._unsent:
            self._loop.call_soon(self._flush)
        self._unsent.append(data)
        self._unsent_bytes += len(data)
        if self._unsent_bytes > PACKET_BYTES:
            self._flush()  # so that the next line waits for a client that is slow to read
        if not self._can_write.is_set():
            await self._can_write.wait()

    def limit_reading(self) -> None:
        """Pause reading while too many bytes are held; go on when they are not."""
        held_bytes = self._reader.unread_bytes
        if self._exchange is not None:
            held_bytes += self._exchange.unread_bytes
        is_too_much = held_bytes > MAX_HELD_BYTES
        if is_too_much != self._is_reading_paused and not self._transport.is_closing():
            self._is_reading_paused = is_too_much
            if is_too_much:
                self._transport.pause_reading()
            else:
                self._transport.resume_reading()

    def response_ended(self, *, keeps_alive: bool) -> None:
        """Go on to the next request, or close; first read and drop the rest of a body."""
        self._flush()
        can_go_on = keeps_alive and not self._transport.is_closing()
        if can_go_on and self._reader.has_body_ended:
            self._go_on()
        elif can_go_on and not self._has_input_ended:
            self._set_timer(UNREAD_BODY_TIMEOUT_S, self._close)
            self.limit_reading()
        else:
            self._close()

    def _read(self) -> None:
        """Read the next head, or what has arrived of a body."""
        try:
            if self._exchange is None and (head := self._reader.read_head()):
                self._exchange = Exchange(self._served, self, head, self._context.copy())
                self._read_body(self._exchange)
            elif self._exchange is not None and not self._reader.has_body_ended:
                self._read_body(self._exchange)
        except RequestRefused as refusal:
            self._refuse(refusal)
        self.limit_reading()

    def _read_body(self, exchange: Exchange) -> None:
        part = self._reader.read_body()
        exchange.body_arrived(part, is_last=self._reader.has_body_ended)
        if exchange.is_over and self._reader.has_body_ended:  # it was dropped
            self._set_timer(KEEP_ALIVE_S, self._check_idle)
            self._go_on()

    def _go_on(self) -> None:
        self._exchange = None
        self._idle_since_s = self._loop.time()
        self._read()
        if self._has_input_ended:
            self._go_on_without_input()

    def _go_on_without_input(self) -> None:
        """Find out whether the client waits for the response in flight; close if there is none."""
        exchange = self._exchange
        if exchange is None or exchange.is_over:
            self._transport.close()
        elif self._reader.has_body_ended and not exchange.is_streaming:
            self._set_timer(PROBE_DELAYS_S[0], partial(self._probe, exchange, PROBE_DELAYS_S[1:]))
        else:
            exchange.client_left()

    def _probe(self, exchange: Exchange, delays_s: tuple[float, ...]) -> None:
        """Send an interim response, which a client that has left resets the connection for."""
        if exchange.allows_interim_response:
            self._unsent.append(CONTINUE)
            self._flush()
            if delays_s:
                self._set_timer(delays_s[0], partial(self._probe, exchange, delays_s[1:]))

    def _set_timer(self, delay_s: float, act: Any) -> None:
        self._timer.cancel()
        self._timer = self._loop.call_later(delay_s, act)

    def _check_idle(self) -> None:
        """Close the connection if it is idle for too long: one timer for all of its requests."""
        idle_s = 0.0 if self._exchange else self._loop.time() - self._idle_since_s
        if idle_s < KEEP_ALIVE_S:
            self._set_timer(KEEP_ALIVE_S - idle_s, self._check_idle)
        else:
            self._transport.close()

    def _refuse(self, refusal: RequestRefused) -> None:
        """Respond to a malformed request, unless its response has begun, and close."""
        if self._exchange is None or (not self._exchange.is_over and self._exchange.abandon()):
            request = self._exchange.head if self._exchange else refusal
            writer = ResponseWriter(request.method, "1.1", keeps_alive=False)
            error = (refusal.status, refusal.code, refusal.sentence)
            fields, body = self._context.copy().run(  # with a correlation id of its own
                log_error, request.method, request.fields, *error
            )
            self._unsent.append(writer.start(refusal.status, fields))
            self._unsent.append(b"" if request.method == "HEAD" else body)
        self._close()

    def _close(self) -> None:
        """Close the sending half, and the rest when the client has closed, or after some time."""
        self._flush()
        self._is_closing = True
        self._reader = RequestReader()
        if self._has_input_ended:
            self._transport.close()
        elif not self._transport.is_closing():
            with suppress(OSError):  # the client has left, which asyncio has not seen yet
                self._transport.write_eof()
            self._set_timer(UNREAD_BODY_TIMEOUT_S, self._transport.close)
            self.limit_reading()

    def _flush(self) -> None:
        if self._unsent and not self._transport.is_closing():
            if self._unsent_bytes <= PACKET_BYTES:
                self._unsent = [b"".join(self._unsent)]
            for data in self._unsent:  # asyncio's writelines (3.12, 3.13) never pauses writing
                self._transport.write(data)
        self._unsent = []
        self._unsent_bytes = 0


def _address(name: tuple[Any, ...] | None) -> tuple[str, int] | None:
    """Return host and port of a socket's name; None if its client has left already."""
    return (name[0], name[1]) if name else None
