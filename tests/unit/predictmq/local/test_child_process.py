"""A child process from its start to its end and restart."""

import asyncio
import os
from pathlib import Path
from typing import Final

from predictmq.local.child_process import ChildProcess
from predictmq.local.waiting import wait_until

END_TIMEOUT_S: Final = 20

# Fails the first time, by SIGKILL, and ends well the second time.
ONCE_KILLED: Final = """
import os, pathlib
mark = pathlib.Path("mark")
if mark.exists():
    print("second")
else:
    mark.touch()
    print("first", flush=True)
    os.kill(os.getpid(), 9)
"""

# Leaves a process behind that holds its output open.
LEAVES_ONE_BEHIND: Final = """
import subprocess, sys
left = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
print(left.pid)
"""

WAITS: Final = """
import time
print("waiting", flush=True)
time.sleep(60)
"""


class ObservedChild:
    """A child that runs ``source``, and its output."""

    def __init__(self, directory: Path, source: str) -> None:
        (directory / "program.py").write_text(source)
        self.lines: list[str] = []
        self.spoke = asyncio.Event()
        self._start_in = {**os.environ, "PYTHONPATH": str(directory), "PWD": str(directory)}
        self.child = ChildProcess("program", self._start_in, self._record)

    def _record(self, line: str) -> None:
        self.lines.append(line)
        self.spoke.set()

    async def end(self) -> int:
        """Run the child to its end; returns the exit code."""
        async with asyncio.timeout(END_TIMEOUT_S):
            return await self.child.run()


def runs(pid: int) -> bool:
    """Return whether the process still runs; a zombie does not."""
    status = Path(f"/proc/{pid}/status")
    return status.exists() and "State:\tZ" not in status.read_text()


async def test_a_child_that_crashes_is_started_again(tmp_path: Path) -> None:
    source = ONCE_KILLED.replace('"mark"', repr(str(tmp_path / "mark")))
    observed = ObservedChild(tmp_path, source)
    assert await observed.end() == 0
    assert observed.lines == ["first", "ended with SIGKILL, starts again in 0.5 s", "second"]


async def test_a_child_that_refuses_its_configuration_is_not_started_again(tmp_path: Path) -> None:
    observed = ObservedChild(tmp_path, "print('why'); raise SystemExit(2)")
    assert await observed.end() == 2
    assert observed.lines == ["why"]


async def test_an_output_line_of_any_length_arrives_whole(tmp_path: Path) -> None:
    observed = ObservedChild(tmp_path, "print('x' * 1_000_000); print('no newline', end='')")
    assert await observed.end() == 0
    assert observed.lines == ["x" * 1_000_000, "no newline"]


async def test_processes_that_a_child_leaves_behind_end_with_it(tmp_path: Path) -> None:
    observed = ObservedChild(tmp_path, LEAVES_ONE_BEHIND)
    assert await observed.end() == 0
    assert wait_until(lambda: not runs(int(observed.lines[0])), timeout_s=5)


async def test_a_child_told_to_end_is_not_started_again(tmp_path: Path) -> None:
    observed = ObservedChild(tmp_path, WAITS)
    ending = asyncio.create_task(observed.end())
    await observed.spoke.wait()
    observed.child.terminate()
    assert await ending == -15


async def test_a_child_told_to_end_while_it_is_being_started_ends(tmp_path: Path) -> None:
    observed = ObservedChild(tmp_path, WAITS)
    observed.child.terminate()
    assert await observed.end() == -15
