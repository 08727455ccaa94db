"""Lines on their way to a descriptor: bounded, whole and in order, whatever the descriptor does."""

import os
import resource
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.telemetry.line_writer import LINE_BYTES, MAX_QUEUED_BYTES, PAUSE_S, LineWriter

FLUSH_S: Final = 30.0
"""As long as it takes: a busy machine is no defect of the code."""


class Pipe:
    """A pipe with a writer at its one end."""

    def __init__(self, *, is_blocking: bool = True) -> None:
        self.read_end, self._write_end = os.pipe()
        os.set_blocking(self._write_end, is_blocking)
        self.writer = LineWriter(self._write_end)
        self.writer.start()

    def read_lines(self, count: int, read_bytes: int = 65_536) -> list[bytes]:
        """Read ``count`` lines."""
        data = b""
        while data.count(b"\n") < count:
            data += os.read(self.read_end, read_bytes)
        return data.splitlines(keepends=True)

    def reader_leaves(self) -> None:
        """Close the end that reads."""
        os.close(self.read_end)
        self.read_end = -1

    def close(self) -> None:
        """Close both ends; a thread that waits for room ends its wait."""
        if self.read_end >= 0:
            self.reader_leaves()
        self.writer.flush(FLUSH_S)
        os.close(self._write_end)


@pytest.fixture(params=[True, False], ids=["blocking", "non-blocking"])
def pipe(request: pytest.FixtureRequest) -> Iterator[Pipe]:
    """A pipe, which either blocks its writer or not."""
    opened = Pipe(is_blocking=request.param)
    yield opened
    opened.close()


def test_each_thread_has_its_lines_whole_and_in_their_order(pipe: Pipe) -> None:
    def put_all(name: int) -> None:
        for number in range(500):
            pipe.writer.put(b"%d %d " % (name, number) + b"x" * (number % 200) + b"\n")

    threads = [threading.Thread(target=put_all, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    lines = pipe.read_lines(2000)
    for name in range(4):
        numbers = [int(line.split()[1]) for line in lines if line.startswith(b"%d " % name)]
        assert numbers == list(range(500))
    assert pipe.writer.dropped == 0


@given(
    st.lists(st.integers(0, 3 * 4096), min_size=1, max_size=60),
    st.integers(1000, 70_000),
    st.data(),
)
def test_lines_of_any_length_arrive_as_they_were_put_however_they_are_read(
    lengths: list[int], read_bytes: int, data: st.DataObject
) -> None:
    pipe = Pipe(is_blocking=data.draw(st.booleans()))
    lines = [b"%d" % number * length + b"\n" for number, length in enumerate(lengths)]
    for line in lines:
        pipe.writer.put(line)
    assert pipe.read_lines(len(lines), read_bytes) == lines
    pipe.close()


def test_a_reader_that_stands_still_costs_lines_but_delays_nobody(pipe: Pipe) -> None:
    line = b"x" * 999 + b"\n"
    fitting = (MAX_QUEUED_BYTES + 2 * 65_536) // 1000
    for _ in range(2 * fitting):
        pipe.writer.put(line)  # would never return
    pipe.writer.flush(timeout_s=0.01)
    dropped = pipe.writer.dropped
    kept = 2 * fitting - dropped
    assert MAX_QUEUED_BYTES // (1000 + LINE_BYTES) <= kept < fitting
    assert pipe.read_lines(kept) == [line] * kept
    pipe.writer.put(b"and on\n")
    assert pipe.read_lines(1) == [b"and on\n"]
    assert pipe.writer.dropped == dropped


def test_lines_without_a_reader_are_dropped_and_counted(pipe: Pipe) -> None:
    pipe.writer.put(b"read\n")
    assert pipe.read_lines(1) == [b"read\n"]
    pipe.reader_leaves()
    for _ in range(100):
        pipe.writer.put(b"not read\n")
    pipe.writer.flush(FLUSH_S)
    assert pipe.writer.dropped == 100


def test_lines_for_a_full_disk_are_dropped_and_counted() -> None:
    with open("/dev/full", "wb") as full:
        writer = LineWriter(full.fileno())
        writer.start()
        for _ in range(100):
            writer.put(b"line\n")
        writer.flush(FLUSH_S)
    assert writer.dropped == 100


def test_a_line_after_a_torn_one_begins_anew(tmp_path: Path) -> None:
    path = tmp_path / "log"
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    with path.open("wb") as log:
        writer = LineWriter(log.fileno())  # not started: ``put`` writes
        try:
            resource.setrlimit(resource.RLIMIT_FSIZE, (8, limits[1]))
            for line in (b"first\n", b"second\n", b"third\n"):
                writer.put(line)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        writer.put(b"fourth\n")
    assert path.read_bytes() == b"first\nse\nfourth\n"
    assert writer.dropped == 2


def test_the_end_of_a_process_waits_for_a_bounded_time_only(pipe: Pipe) -> None:
    while pipe.writer.dropped == 0:
        pipe.writer.put(b"x" * 60_000 + b"\n")
    pipe.writer.flush(timeout_s=2 * PAUSE_S)  # would never return


FORKED: Final = """
import os, sys
from common.telemetry.line_writer import LineWriter
writer = LineWriter(2)
writer.start()
writer.put(b"parent\\n")
writer.flush(30)
child = os.fork()
if not child:
    writer.put(b"child\\n")
    os._exit(0)
os.waitpid(child, 0)
writer.put(b"parent again\\n")
writer.flush(30)
"""


def test_a_forked_process_writes_its_lines_itself() -> None:
    # From 3.12 on, Python warns of each fork of a process that has threads.
    command = [sys.executable, "-W", "ignore", "-c", FORKED]
    done = subprocess.run(command, capture_output=True, check=True)
    assert done.stderr == b"parent\nchild\nparent again\n"
