"""The standard streams of a process that serves: to write to them neither blocks nor fails.

That holds for all that Python code writes: log lines, warnings, tracebacks, and what models print.
Code in C that writes to the descriptors itself waits for their reader.
"""

import atexit
import io
import os
import sys
import threading
import time
from contextlib import suppress
from typing import Any, Final

from common.telemetry.line_writer import LineWriter

FLUSH_S: Final = 1.0
"""The time for which the end of a process waits for lines to be written."""

_STDIN, _STDOUT, _STDERR = range(3)

MAX_LINE_BYTES: Final = 65_536
"""The part of an unfinished line that is kept until its end; a longer one is written in pieces."""

_WRITERS: Final[list[LineWriter]] = []
"""The writers to the streams of this process: standard error's is the first one."""

_STREAMS: Final[list[io.TextIOWrapper]] = []
"""``sys.stderr`` and ``sys.stdout`` as they are here; a model may replace them."""


def queue_output() -> LineWriter:
    """Queue all that is written to standard output and error from now on.

    Call it before anything opens a descriptor: a socket that took the place of a closed stream
    would be sent what is written to the stream. Returns the writer to standard error, the same one
    each time.
    """
    if not _WRITERS:
        missing = _open_missing()
        errors = _writer(_STDERR, missing)
        are_same = not missing & {_STDOUT, _STDERR} and os.path.sameopenfile(_STDOUT, _STDERR)
        output = errors if are_same else _writer(_STDOUT, missing)
        _WRITERS.extend({errors: None, output: None})
        _STREAMS.extend((_stream(errors, _STDERR), _stream(output, _STDOUT)))
        sys.stderr, sys.stdout = _STREAMS
        atexit.register(flush_output)
    return _WRITERS[0]


def flush_output() -> None:
    """Wait until all is written that can be, at most ``FLUSH_S`` seconds.

    The interpreter calls it when it ends; it has to be called before an ``os._exit``.
    """
    for stream in _STREAMS:
        with suppress(ValueError):  # a model has closed or detached it
            stream.flush()
    end_s = time.monotonic() + FLUSH_S
    for writer in _WRITERS:
        writer.flush(end_s - time.monotonic())


def dropped_lines() -> int:
    """Return the number of lines that could not be written, those of ``count_dropped`` included."""
    return sum(writer.dropped for writer in _WRITERS)


def count_dropped(lines: int) -> None:
    """Count lines that another process, a worker of this one, could not write."""
    for writer in _WRITERS[:1]:
        writer.count_dropped(lines)


def _open_missing() -> set[int]:
    """Open the null device where a standard stream is closed; return the numbers of those."""
    streams = {_STDIN: sys.stdin, _STDOUT: sys.stdout, _STDERR: sys.stderr}
    missing = {number for number, stream in streams.items() if stream is None}
    for number in sorted(missing):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(_open_unwritable(), True)  # takes the lowest number
    return missing


def _open_unwritable() -> int:
    """Open the null device so that each write to it fails, here and in processes that inherit it.

    Lines for a closed stream are lost, so they have to be counted.
    """
    return os.open(os.devnull, os.O_RDONLY)


def _writer(number: int, missing: set[int]) -> LineWriter:
    """Return a started writer to a stream, by a descriptor that nobody else closes."""
    writer = LineWriter(_open_unwritable() if number in missing else os.dup(number))
    writer.start()
    return writer


def _stream(writer: LineWriter, number: int) -> io.TextIOWrapper:
    return io.TextIOWrapper(
        _QueuedFile(writer, number), "utf-8", errors="backslashreplace", line_buffering=True
    )


class _QueuedFile(io.RawIOBase):
    """The bytes below ``sys.stdout`` or ``sys.stderr``, put to their queue line by line."""

    def __init__(self, writer: LineWriter, number: int) -> None:
        self._writer = writer
        self._number = number
        self.name = "<stderr>" if number == _STDERR else "<stdout>"
        self._begin()
        os.register_at_fork(after_in_child=self._begin)

    def _begin(self) -> None:
        """Begin a line; in a forked process, the unfinished one is its parent's."""
        self._unfinished = b""
        self._lock = threading.RLock()  # reentrant: a finalizer may print

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        chunk = bytes(data)
        with self._lock:
            lines, end, rest = (self._unfinished + chunk).rpartition(b"\n")
            self._unfinished = rest
            if end:
                self._writer.put(lines + end)
            if len(rest) > MAX_LINE_BYTES:
                self.flush()
        return len(chunk)

    def flush(self) -> None:
        super().flush()
        with self._lock:
            unfinished, self._unfinished = self._unfinished, b""
            if unfinished:
                self._writer.put(unfinished)

    def fileno(self) -> int:
        return self._number

    def isatty(self) -> bool:
        return os.isatty(self._number)
