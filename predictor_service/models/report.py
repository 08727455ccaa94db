"""How a model tells how far it has come."""

import threading
import time
from collections.abc import Callable
from typing import Final, Protocol, Self

from common.contract.progress import Progress

EVERY_S: Final = 0.25
"""How often what a model reports of one prediction is passed on."""


class Report(Protocol):
    """What a model gets that asks for it: ``def predict(input: T, report: Report) -> R``.

    May be called as often as one likes and from any thread; of what comes too fast for anyone to
    see, the last is passed on. Where nobody can ask for it, as in sync calls, it does nothing.

    Raises:
        TypeError, ValueError: the fraction is no number.
    """

    def __call__(self, fraction: float, note: str = "") -> None: ...


def unheard(fraction: float, note: str = "") -> None:
    """The report of a prediction that nobody follows."""
    Progress.of(fraction, note)


class Reporter:
    """A ``Report`` that passes one on every ``EVERY_S`` seconds, and the last one in any case.

    ``pass_on`` is called in the thread that reports or in one of our own, never twice at once, and
    not after the context is left.
    """

    def __init__(self, pass_on: Callable[[Progress], None]) -> None:
        self._pass_on = pass_on
        self._lock = threading.Lock()
        self._due_s = 0.0
        self._late: Progress | None = None
        self._timer: threading.Timer | None = None
        self._is_closed = False

    def __call__(self, fraction: float, note: str = "") -> None:
        """See ``Report``."""
        progress = Progress.of(fraction, note)
        with self._lock:
            wait_s = self._due_s - time.monotonic()
            if self._is_closed:
                return
            self._late = progress
            if wait_s <= 0:
                self._flush()
            elif self._timer is None:
                self._timer = threading.Timer(wait_s, self._in_time)
                self._timer.daemon = True
                self._timer.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Pass on what is left; what is reported from now on is not heard."""
        with self._lock:
            self._is_closed = True
            self._flush()

    def _in_time(self) -> None:
        with self._lock:
            self._flush()

    def _flush(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._late is not None:
            late, self._late = self._late, None
            self._due_s = time.monotonic() + EVERY_S
            self._pass_on(late)
