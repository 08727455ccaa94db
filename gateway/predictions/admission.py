"""Admission control: limits on the calls under way, and on the bytes of their bodies."""

from collections.abc import Iterator
from contextlib import contextmanager

from common.errors import Unavailable


class Admission:
    """The number of calls under way and of their bytes, each with its limit."""

    def __init__(self, max_calls: int, max_bytes: int) -> None:
        self._max_calls = max_calls
        self._max_bytes = max_bytes
        self.calls = 0
        self.bytes = 0

    @contextmanager
    def admit(self, size_bytes: int) -> Iterator[None]:
        """Count a call of ``size_bytes`` for as long as the context lasts.

        Raises:
            Unavailable: the call would exceed a limit, and is not counted.
        """
        if self.calls >= self._max_calls or self.bytes + size_bytes > self._max_bytes:
            raise Unavailable("Too many predictions are under way; try again later.")
        self.calls += 1
        self.bytes += size_bytes
        try:
            yield
        finally:
            self.calls -= 1
            self.bytes -= size_bytes
