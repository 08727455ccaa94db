"""Reports: how a model passes on the progress of a prediction."""

import threading
import time
from collections.abc import Callable
from typing import Final, Protocol, Self

from common.contract.progress import Progress

REPORT_EVERY_S: Final = 0.25
"""The shortest time between two reports of one prediction that are passed on."""


class Report(Protocol):
    """The function that a model reports progress with: ``def predict(input: T, report: Report)``.

    May be called as often as needed and from any thread; of reports in quick succession the last
    one is passed on. If no caller can ask for the progress, as in sync calls, it has no effect.

    Raises:
        TypeError, ValueError: the fraction is no number.
    """

    def __call__(self, fraction: float, note: str = "") -> None: ...


def ignore_report(fraction: float, note: str = "") -> None:
    """Check a report of a prediction that is not followed, and ignore it."""
    Progress.of(fraction, note)


class Reporter:
    """A ``Report`` that passes one on every ``REPORT_EVERY_S`` seconds, and always the last one.

    ``on_progress`` is called in the thread that reports or in one of the reporter's own, never
    twice at once, and not after the context is left.
    """

    def __init__(self, on_progress: Callable[[Progress], None]) -> None:
        self._on_progress = on_progress
        self._lock = threading.Lock()
        self._due_s = 0.0
        self._waiting: Progress | None = None
        self._timer: threading.Timer | None = None
        self._is_closed = False

    def __call__(self, fraction: float, note: str = "") -> None:
        """Report progress: see ``Report``."""
        progress = Progress.of(fraction, note)
        with self._lock:
            wait_s = self._due_s - time.monotonic()
            if self._is_closed:
                return
            self._waiting = progress
            if wait_s <= 0:
                self._flush()
            elif self._timer is None:
                self._timer = threading.Timer(wait_s, self._on_timer)
                self._timer.daemon = True
                self._timer.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Pass on the last report; later ones are ignored."""
        with self._lock:
            self._is_closed = True
            self._flush()

    def _on_timer(self) -> None:
        with self._lock:
            self._flush()

    def _flush(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._waiting is not None:
            progress, self._waiting = self._waiting, None
            self._due_s = time.monotonic() + REPORT_EVERY_S
            self._on_progress(progress)
