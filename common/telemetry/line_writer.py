"""The writing of lines off the path of requests: a bounded queue, emptied by a thread of its own.

A pipe whose reader stands still blocks each write; a full disk, or a pipe whose reader has gone,
fails it. Here both happen to a thread that nothing waits for.
"""

import os
import stat
import threading
import time
from collections.abc import Iterable, Iterator
from itertools import accumulate
from queue import SimpleQueue
from select import PIPE_BUF
from typing import Final

MAX_QUEUED_BYTES: Final = 4 * 1024 * 1024
"""Memory for lines that wait to be written: some 12,000 lines of requests."""

LINE_BYTES: Final = 80
"""Memory of a queued line beside its text: the header of its object, its place in the queue."""

FILE_CHUNK_BYTES: Final = 64 * 1024
"""The size of one write to a regular file; to anything else it is ``PIPE_BUF``.

A pipe takes that much whole or not at all, so that lines of several processes do not mix."""

PAUSE_S: Final = 0.05
"""The time between two batches.

Without it each line would wake the thread, and whoever has logged the line would have to wait for
the interpreter's lock."""


class LineWriter:
    """A queue of lines, and the daemon thread that writes them to ``descriptor`` in their order.

    A line that follows a pause is written at once; those behind it wait at most ``PAUSE_S``.
    ``descriptor`` may block, be non-blocking or fail.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        is_file = stat.S_ISREG(os.fstat(descriptor).st_mode)
        self._chunk_bytes = FILE_CHUNK_BYTES if is_file else PIPE_BUF
        self._is_torn = False
        """True if the last write has ended within a line."""
        self.dropped = 0
        """Lines that could not be written or, since the queue was full, be queued."""
        self._begin()

    def start(self) -> None:
        """Start the thread. Before that, and in a process that is forked later, ``put`` writes."""
        self._has_thread = True
        threading.Thread(target=self._run, name="lines", daemon=True).start()
        os.register_at_fork(after_in_child=self._begin)

    def put(self, line: bytes) -> None:
        """Queue a line, its newline included; drop it if the queue is full. Does not block."""
        if not self._has_thread:
            self._write([line])
            return
        cost_bytes = len(line) + LINE_BYTES
        with self._lock:
            if self._queued_bytes + cost_bytes > MAX_QUEUED_BYTES:
                self.dropped += 1
                return
            self._queued_bytes += cost_bytes
        self._lines.put(line)

    def count_dropped(self, lines: int) -> None:
        """Count lines that could not be written."""
        with self._lock:
            self.dropped += lines

    def flush(self, timeout_s: float) -> None:
        """Wait until each queued line is written or dropped, at most ``timeout_s`` seconds."""
        end_s = time.monotonic() + timeout_s
        while self._queued_bytes and time.monotonic() < end_s:
            time.sleep(PAUSE_S / 10)

    def _begin(self) -> None:
        """Begin with an empty queue, and without a thread.

        A forked process has no thread, the queued lines are its parent's, and another thread of
        the parent may have held the lock.
        """
        self._has_thread = False
        self._queued_bytes = 0
        # Both are reentrant: a finalizer may log while this thread is in ``put``.
        self._lines: SimpleQueue[bytes] = SimpleQueue()
        self._lock = threading.RLock()

    def _run(self) -> None:
        while True:
            lines = [self._lines.get()]
            lines += [self._lines.get_nowait() for _ in range(self._lines.qsize())]
            for chunk in _chunks(lines, self._chunk_bytes):
                self._write(chunk)
                done_bytes = sum(map(len, chunk)) + len(chunk) * LINE_BYTES
                with self._lock:
                    self._queued_bytes -= done_bytes
            time.sleep(PAUSE_S)

    def _write(self, lines: list[bytes]) -> None:
        """Write lines, and count those that were not written to their end."""
        if self._is_torn:
            lines = [b"\n" + lines[0], *lines[1:]]
        data = b"".join(lines)
        written = self._write_bytes(data)
        if written < len(data):
            ends = list(accumulate(map(len, lines)))
            self.count_dropped(sum(end > written for end in ends))
        if written:
            self._is_torn = written < len(data) and written not in ends

    def _write_bytes(self, data: bytes) -> int:
        """Write ``data`` as far as possible; return the number of bytes that were written."""
        written = 0
        while written < len(data):
            try:
                written += os.write(self._descriptor, data[written:])
            except BlockingIOError:  # whoever shares the open file has made it non-blocking
                time.sleep(PAUSE_S)
            except OSError:  # it is full, or its reader has gone
                break
        return written


def _chunks(lines: Iterable[bytes], chunk_bytes: int) -> Iterator[list[bytes]]:
    """Divide lines into chunks of at most ``chunk_bytes``; a longer line is a chunk alone."""
    chunk: list[bytes] = []
    size = 0
    for line in lines:
        if chunk and size + len(line) > chunk_bytes:
            yield chunk
            chunk, size = [], 0
        chunk.append(line)
        size += len(line)
    yield chunk
