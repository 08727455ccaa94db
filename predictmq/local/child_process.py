"""A service as a child process: its output, its end, and its restarts."""

import asyncio
import ctypes
import os
import signal
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Final

from common.restarts import keep_running

UNUSABLE_CONFIGURATION: Final = 2
"""The exit code after which a restart would change nothing."""

PR_SET_PDEATHSIG: Final = 1
_LIBC: Final = ctypes.CDLL(None)


def end_with_parent() -> None:
    """Have the kernel send SIGTERM to this process when its parent ends, even by SIGKILL.

    It runs in a child before the program does (``preexec_fn``), on Linux. To the kernel the
    parent is the thread that starts the child, so that has to be the main thread.
    """
    if sys.platform == "linux":
        _LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


class ChildProcess:
    """A process that runs ``python -m module``, started again when it crashes.

    ``say`` gets each line of its output.
    """

    def __init__(self, module: str, environ: Mapping[str, str], say: Callable[[str], None]) -> None:
        self._command = (sys.executable, "-m", module)
        self._environ = environ
        self._say = say
        self._stopping = asyncio.Event()
        self._started: asyncio.subprocess.Process | None = None

    async def run(self) -> int:
        """Run it until it ends for good; return its exit code, negative for a signal."""
        return await keep_running(
            self._run_once,
            self._stopping,
            is_final=lambda code: code in {0, UNUSABLE_CONFIGURATION},
            on_restart=lambda ending, pause_s: self._say(
                f"ended with {ending}, starts again in {pause_s:g} s"
            ),
        )

    def terminate(self) -> None:
        """Tell the process to finish what it has accepted and end (SIGTERM)."""
        self._stopping.set()
        if self._started is not None and self._started.returncode is None:
            self._started.terminate()

    def kill(self) -> None:
        """End the process, and all that it has started, at once (SIGKILL)."""
        self._stopping.set()
        if self._started is not None and self._started.returncode is None:
            self._kill_group()

    async def _run_once(self) -> int:
        read_end, write_end = os.pipe()
        try:
            self._started = await asyncio.create_subprocess_exec(
                *self._command,
                env=self._environ,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=write_end,
                stderr=write_end,
                start_new_session=True,  # a Ctrl-C in the terminal reaches only the parent
                preexec_fn=end_with_parent,
            )
        finally:
            os.close(write_end)
        if self._stopping.is_set():  # since ``terminate`` while it was being started
            self._started.terminate()
        output = asyncio.create_task(self._pass_on(read_end))
        try:
            code = await self._started.wait()
        finally:
            self._kill_group()  # what it has started may outlive it and hold its output open
        await output
        return code

    def _kill_group(self) -> None:
        if self._started is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._started.pid, signal.SIGKILL)

    async def _pass_on(self, read_end: int) -> None:
        """Pass on the output, line by line.

        The pipe is our own: on Python 3.11 asyncio waits for the end of its pipes, not of the
        process (cpython#119710).
        """
        output = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(output), os.fdopen(read_end, "rb")
        )
        rest = b""
        while chunk := await output.read(65_536):  # a line may have any length
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                self._say(line.decode(errors="replace"))
        if rest:
            self._say(rest.decode(errors="replace"))
