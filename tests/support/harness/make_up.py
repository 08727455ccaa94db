"""``make up`` as a user at a terminal runs it, in a copy of the checkout."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, Self

from predictmq.local.ports import LOOPBACK, free_port
from predictmq.local.waiting import wait_until

ROOT: Final = Path(__file__).parents[3]
NEEDED: Final = ("common", "gateway", "predictor_service", "predictmq", "tests", "Makefile")
FOREIGN: Final = (
    *("RABBITMQ_", "GATEWAY_", "PREDICTOR", "DEFAULT_MODEL", "DEMO_"),
    *("MAKE", "MFLAGS"),  # of the make that may be running this test
)
"""Prefixes of settings in the environment of the test run that a test must not inherit."""

READY: Final = "PredictMQ is ready at"
READY_TIMEOUT_S: Final = 60
END_TIMEOUT_S: Final = 60


def copy_checkout(directory: Path) -> Path:
    """Copy the files that ``make up`` needs. The working directory tells its processes apart."""
    directory.mkdir()
    for name in NEEDED:
        source, target = ROOT / name, directory / name
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(source, target)
    for name in ("pyproject.toml", "constraints.txt"):
        shutil.copy2(ROOT / name, directory / name)
    return directory


class MakeUp:
    """A running ``make up``; a context manager that kills the remaining processes."""

    def __init__(self, checkout: Path, arguments: Sequence[str] = ("up",), **settings: str) -> None:
        self.checkout = checkout
        self._arguments = arguments
        self.bind = settings.setdefault("GATEWAY_BIND", f"{LOOPBACK}:{free_port()}")
        self.url = f"http://{self.bind}"
        # Nobody listens on this port, so it is a private broker unless a test names another.
        settings.setdefault("RABBITMQ_PORT", str(free_port()))
        self._environment = settings | {
            name: value
            for name, value in os.environ.items()
            if name == "RABBITMQ_CHROOT" or not name.startswith(FOREIGN)
        }
        self._output = checkout / "output.txt"

    def __enter__(self) -> Self:
        # The environment that runs this test is set up, whatever it is: -o leaves it alone.
        extras = [f"-{each[7:]}" for each in self._arguments if each.startswith("EXTRAS=")]
        settled = [f"--old-file={sys.prefix}/.ready{extra}" for extra in ("", *extras)]
        with self._output.open("wb") as output:
            self._make = subprocess.Popen(
                ["make", "--no-print-directory", *settled, f"VENV={sys.prefix}", *self._arguments],
                cwd=self.checkout,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return self

    def __exit__(self, *_: object) -> None:
        for pid in self.processes():
            with suppress(ProcessLookupError):  # one ends with the other
                os.kill(pid, signal.SIGKILL)
        self._make.wait(END_TIMEOUT_S)

    @property
    def output(self) -> str:
        """The output so far."""
        return self._output.read_text()

    def says(self, text: str, timeout_s: float = READY_TIMEOUT_S) -> bool:
        """Wait for ``text`` in the output, or for the end; returns whether the output has it."""
        wait_until(lambda: text in self.output or self._make.poll() is not None, timeout_s)
        return text in self.output

    def ctrl_c(self) -> None:
        """Send SIGINT to make and its process group, as a terminal does on Ctrl-C."""
        os.killpg(self._make.pid, signal.SIGINT)

    def exit_code(self, timeout_s: float = END_TIMEOUT_S) -> int:
        """Wait for the end of make; subprocess.TimeoutExpired after ``timeout_s`` seconds."""
        return self._make.wait(timeout_s)

    def processes(self, command: str = "") -> list[int]:
        """Return the ids of all running processes that it has started, directly or not."""
        return [
            int(entry.name)
            for entry in Path("/proc").iterdir()
            if entry.name.isdecimal() and _works_in(entry, self.checkout, command)
        ]


def _works_in(process: Path, directory: Path, command: str) -> bool:
    try:
        arguments = (process / "cmdline").read_text().replace("\0", " ")
        return (process / "cwd").readlink() == directory and command in arguments
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return False  # ended meanwhile, or somebody else's
