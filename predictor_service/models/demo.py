"""The demo model: four digits that depend on the input alone."""

import time
import zlib
from typing import Any

import msgspec

from common.settings import read_settings
from predictor_service.settings import DemoSettings


class Demo:
    """A model that takes any JSON value and returns a string of four digits.

    ``DEMO_DELAY_S`` is how many seconds each prediction takes.

    Raises:
        Misconfigured: ``DEMO_DELAY_S`` is no number of seconds, or misspelt.
    """

    def __init__(self) -> None:
        self._delay_s = read_settings(DemoSettings).delay_s

    def predict(self, value: Any) -> str:
        """Return four digits of the checksum of ``value``, whatever the order of its keys."""
        if self._delay_s:
            time.sleep(self._delay_s)
        return f"{zlib.crc32(msgspec.json.encode(value, order='sorted')) % 10_000:04d}"
