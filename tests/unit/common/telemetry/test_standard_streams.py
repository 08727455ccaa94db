"""The standard streams of a process, in each state in which they may be found."""

import json
import os
import subprocess
import sys
from typing import Any, Final

import pytest

OUTPUT_OF_ALL_KINDS: Final = """
import logging, sys, threading, warnings
import structlog
from common.telemetry.logs import configure_logs

configure_logs("gateway")
structlog.get_logger().info("ours")
logging.getLogger("library").warning("theirs")
print("printed", "in parts")
print("printed as an error", file=sys.stderr)
sys.stdout.buffer.write(b"bytes\\n")
warnings.warn("warned")
thread = threading.Thread(target=lambda: 1 / 0)
thread.start()
thread.join()
print("unfinished", end="")
"""

THE_END: Final = 'raise RuntimeError("the end")'


def run(code: str, redirect: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    """Run Python code to its end, with its streams redirected by the shell."""
    return subprocess.run(
        ["sh", "-c", f'exec "$@" {redirect}', "sh", sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env=os.environ | environment,
    )


def report(code: str, redirect: str) -> Any:
    """Run Python code; return what it reports: JSON, on the descriptor ``sys.argv[1]``."""
    read_end, write_end = os.pipe()
    with os.fdopen(read_end) as reports:
        try:
            shell = ["sh", "-c", f'exec "$@" {redirect}', "sh"]
            subprocess.run(
                [*shell, sys.executable, "-c", code, str(write_end)],
                capture_output=True,
                check=True,
                pass_fds=[write_end],
            )
        finally:
            os.close(write_end)
        return json.load(reports)


def test_all_output_of_python_is_written_by_the_end_of_the_process() -> None:
    done = run(OUTPUT_OF_ALL_KINDS + THE_END)
    assert done.returncode == 1
    assert done.stdout == "printed in parts\nbytes\nunfinished"
    events = [json.loads(line)["event"] for line in done.stderr.splitlines() if line[0] == "{"]
    assert events == ["ours", "theirs"]
    for text in ("printed as an error", "UserWarning: warned", "ZeroDivisionError", "the end"):
        assert text in done.stderr


def test_output_and_errors_keep_their_order_where_they_are_one_stream() -> None:
    done = run(OUTPUT_OF_ALL_KINDS, "2>&1")
    positions = [done.stdout.index(text) for text in ("ours", "printed in", "as an error", "bytes")]
    assert positions == sorted(positions)


@pytest.mark.parametrize(
    "redirect",
    [
        "2>&-",
        ">&- 2>&-",
        "<&- >&- 2>&-",
        ">/dev/full 2>&1",
        "2>/dev/full",
        ">/dev/full",
        "2</dev/null",
    ],
)
def test_a_process_ends_as_ever_if_its_output_cannot_be_written(redirect: str) -> None:
    assert run(OUTPUT_OF_ALL_KINDS + THE_END, redirect).returncode == 1
    assert run(OUTPUT_OF_ALL_KINDS, redirect).returncode == 0


AT_THE_END: Final = """
import atexit
import structlog
from common.telemetry.logs import configure_logs

configure_logs("gateway")
atexit.register(lambda: structlog.get_logger().info("the end"))
for number in range(5000):
    structlog.get_logger().info("line", number=number)
"""


def test_all_lines_are_written_in_their_order_by_the_end_of_the_process_and_at_it() -> None:
    lines = [json.loads(line) for line in run(AT_THE_END).stderr.splitlines()]
    assert [line["event"] for line in lines] == ["line"] * 5000 + ["the end"]
    assert [line["number"] for line in lines[:-1]] == list(range(5000))


def test_a_reader_that_stands_still_holds_up_the_end_of_a_process_for_a_bounded_time() -> None:
    read_end, write_end = os.pipe()
    try:
        subprocess.run(
            [sys.executable, "-c", AT_THE_END], stderr=write_end, check=True, timeout=60
        )  # would never end
    finally:
        os.close(read_end)
        os.close(write_end)


LONG: Final = """
import sys, threading
from common.telemetry.standard_streams import queue_output

queue_output()
def print_long():
    for _ in range(50):
        print("x" * 20_000)
thread = threading.Thread(target=print_long)
thread.start()
for number in range(500):
    print(number, file=sys.stderr)
thread.join()
"""


def test_a_long_line_is_not_torn_by_those_of_other_streams() -> None:
    lines = run(LONG, "2>&1").stdout.splitlines()
    assert [line for line in lines if line != "x" * 20_000] == [str(n) for n in range(500)]
    assert len(lines) == 550


COUNTED: Final = """
import os, sys
import structlog
from common.telemetry.logs import configure_logs
from common.telemetry.standard_streams import dropped_lines, flush_output

configure_logs("gateway")
for _ in range(100):
    structlog.get_logger().info("ours")
print("printed")
flush_output()
os.write(int(sys.argv[1]), str(dropped_lines()).encode())
"""


@pytest.mark.parametrize(
    ("redirect", "dropped"), [("2>&-", 100), (">&- 2>&-", 101), ("2>/dev/full", 100), ("", 0)]
)
def test_what_cannot_be_written_is_counted(redirect: str, dropped: int) -> None:
    assert report(COUNTED, redirect) == dropped


DESCRIPTORS: Final = """
import json, os, socket, sys
from common.telemetry.standard_streams import queue_output

queue_output()
places = [os.readlink(f"/proc/self/fd/{number}") for number in range(3)]
sockets = socket.socketpair()
print("printed", file=sys.stderr, flush=True)
children = os.spawnlp(os.P_WAIT, "sh", "sh", "-c", "test -e /dev/fd/0 -a -e /dev/fd/2")
numbers = [each.fileno() for each in sockets]
os.write(int(sys.argv[1]), json.dumps((places, min(numbers), children)).encode())
"""


def test_no_socket_takes_the_place_of_a_closed_stream() -> None:
    places, lowest_socket, code_of_child = report(DESCRIPTORS, "<&- >&- 2>&-")
    assert places == ["/dev/null"] * 3
    assert lowest_socket > 2
    assert code_of_child == 0  # its streams are open, too
