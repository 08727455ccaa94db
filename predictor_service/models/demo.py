"""The demo model: four digits that depend on the input alone."""

import os
import time
import zlib
from typing import Any

import msgspec


class Demo:
    """A model that takes any JSON value and returns a string of four digits.

    ``DEMO_DELAY_S`` is how many seconds each prediction takes.

    Raises:
        ValueError: ``DEMO_DELAY_S`` is not a number ≥ 0.
    """

    def __init__(self) -> None:
        self._delay_s = float(os.environ.get("DEMO_DELAY_S") or 0)
        if not 0 <= self._delay_s < float("inf"):
            raise ValueError(f"DEMO_DELAY_S is {self._delay_s}, not a number of seconds ≥ 0")

    def predict(self, value: Any) -> str:
        """Return four digits of the checksum of ``value``, whatever the order of its keys."""
        if self._delay_s:
            time.sleep(self._delay_s)
        return f"{zlib.crc32(msgspec.json.encode(value, order='sorted')) % 10_000:04d}"
