"""The model that ships to try things out: four digits that depend on the input alone."""

import os
import time
import zlib
from typing import Any

import msgspec


class Demo:
    """Any JSON value in, a string of four digits out; the same for the same input.

    ``DEMO_DELAY_S`` makes it think for so many seconds.

    Raises:
        ValueError: ``DEMO_DELAY_S`` is not a number ≥ 0.
    """

    def __init__(self) -> None:
        self._delay_s = float(os.environ.get("DEMO_DELAY_S") or 0)
        if not 0 <= self._delay_s < float("inf"):
            raise ValueError(f"DEMO_DELAY_S is {self._delay_s}, not a number of seconds ≥ 0")

    def predict(self, value: Any) -> str:
        """Four digits of the checksum of ``value``, whatever the order of its keys."""
        if self._delay_s:
            time.sleep(self._delay_s)
        return f"{zlib.crc32(msgspec.json.encode(value, order='sorted')) % 10_000:04d}"
