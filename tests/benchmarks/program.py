"""One program that a benchmark starts: its output, its readiness, and its end."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from predictmq.local.child_process import end_with_parent

END_TIMEOUT_S: Final = 5.0
POLL_S: Final = 0.05


class ProgramFailed(Exception):
    """The error that a program ended or was not ready in time; the text has its last line."""


@dataclass(frozen=True)
class Command:
    """The command of a program, and its role."""

    role: str
    arguments: Sequence[str]
    directory: Path
    environment: dict[str, str] = field(default_factory=dict)


class Program:
    """A running program, which leads a process group of its own."""

    def __init__(self, command: Command, log: Path) -> None:
        self.role = command.role
        self._log = log
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                command.arguments,
                cwd=command.directory,
                env=os.environ | command.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=end_with_parent,  # noqa: PLW1509 - see there
            )

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    def wait_until(self, ready: Callable[[], bool], timeout_s: float) -> None:
        """Poll until the program is ``ready``.

        Raises:
            ProgramFailed: it has ended, or was not within ``timeout_s`` seconds.
        """
        deadline = time.monotonic() + timeout_s
        while not ready():
            self.require_running()
            if time.monotonic() > deadline:
                raise ProgramFailed(f"{self.role} was not ready in time: {self.last_words()}")
            time.sleep(POLL_S)

    def require_running(self) -> None:
        """Raise an error if the program has ended.

        Raises:
            ProgramFailed: it has ended.
        """
        if self._process.poll() is not None:
            raise ProgramFailed(f"{self.role} ended: {self.last_words()}")

    def last_words(self) -> str:
        """Return the last line of its output."""
        lines = self._log.read_text(errors="replace").split("\n")
        return next((line.strip() for line in reversed(lines) if line.strip()), "it said nothing")

    def end(self) -> None:
        """End it in good order, by force after a while, and whatever it has started with it."""
        self._process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(END_TIMEOUT_S)
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


@contextmanager
def running(commands: Sequence[Command], logs: Path) -> Iterator[list[Program]]:
    """Start programs in their order, each with its log in ``logs``; end them in reverse."""
    with ExitStack() as stack:
        programs = []
        for command in commands:
            program = Program(command, logs / f"{command.role}.log")
            stack.callback(program.end)
            programs.append(program)
        yield programs
