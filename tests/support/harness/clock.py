"""A wrong clock for one process, by libfaketime."""

from pathlib import Path
from typing import Final

USR: Final = Path("/usr")
LIBFAKETIME: Final = "faketime/libfaketimeMT.so.1"  # the one for programs with threads


class FaketimeMissing(Exception):
    """The error that libfaketime is not installed; its sentence says what to do."""


def libfaketime() -> Path | None:
    """Find the library, which Debian keeps in a directory named after the architecture."""
    found = (path for place in ("lib*", "lib*/*") for path in USR.glob(f"{place}/{LIBFAKETIME}"))
    return next(found, None)


def clock_off_by(minutes: int) -> dict[str, str]:
    """Return the environment of a process whose clock is off by so many minutes.

    The clock that only counts (CLOCK_MONOTONIC) goes on as ever, as it does where somebody
    has set the time wrong.

    Raises:
        FaketimeMissing: libfaketime is not installed.
    """
    library = libfaketime()
    if library is None:
        raise FaketimeMissing("libfaketime is not installed: make test installs it or says how.")
    return {
        "LD_PRELOAD": str(library),
        "FAKETIME": f"{minutes:+d}m",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
