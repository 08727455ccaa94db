"""A clock that is off, for one process: libfaketime."""

from pathlib import Path
from typing import Final

LIBRARIES: Final = Path("/usr/lib")
LIBFAKETIME: Final = "faketime/libfaketimeMT.so.1"  # the one for programs with threads


class FaketimeMissing(Exception):
    """There is no libfaketime; the sentence says what to do."""


def clock_off_by(minutes: int) -> dict[str, str]:
    """The environment of a process whose clock is off by so many minutes.

    The clock that only counts (CLOCK_MONOTONIC) goes on as ever, as it does where somebody
    has set the time wrong.

    Raises:
        FaketimeMissing: libfaketime is not installed.
    """
    # Debian has it below a directory named after the machine, others do not.
    found = [*LIBRARIES.glob(f"*/{LIBFAKETIME}"), *LIBRARIES.glob(LIBFAKETIME)]
    if not found:
        raise FaketimeMissing("libfaketime is not installed: apt-get install libfaketime.")
    return {
        "LD_PRELOAD": str(found[0]),
        "FAKETIME": f"{minutes:+d}m",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
