"""The log lines of a service, on its standard error."""

import json
import os
import subprocess
import sys
from typing import Final

FROM_EVERYWHERE: Final = """
import logging, threading
import structlog
from common.telemetry.logs import configure_logs

configure_logs("gateway")
structlog.get_logger().info("ours")
logging.getLogger("library").warning("theirs")
def elsewhere():
    structlog.get_logger().info("ours elsewhere")
    logging.getLogger("library").warning("theirs elsewhere")
thread = threading.Thread(target=elsewhere)
thread.start()
thread.join()
"""


def test_each_line_carries_its_service_whoever_writes_it() -> None:
    done = subprocess.run(
        [sys.executable, "-c", FROM_EVERYWHERE], capture_output=True, text=True, check=True
    )
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    events = ["ours", "theirs", "ours elsewhere", "theirs elsewhere"]
    assert [line["event"] for line in lines] == events
    assert [line["service"] for line in lines] == ["gateway"] * 4
    assert all(line["timestamp"] and line["level"] for line in lines)


def test_lines_are_text_where_colours_are_forced() -> None:
    done = subprocess.run(
        [sys.executable, "-c", FROM_EVERYWHERE],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"FORCE_COLOR": "1"},
    )
    lines = done.stderr.splitlines()
    assert len(lines) == 4
    assert all("service" in line and not line.startswith("{") for line in lines)


OF_A_CALL: Final = """
import logging
import structlog
from common.telemetry.correlation import correlate
from common.telemetry.logs import configure_logs

configure_logs("gateway")
structlog.get_logger().info("of none")
correlate("one")
structlog.get_logger().info("ours")
logging.getLogger("library").warning("theirs")
structlog.get_logger().info("of another", correlation_id="two")
"""


def test_a_line_of_a_call_carries_its_correlation_id_whoever_writes_it() -> None:
    done = subprocess.run(
        [sys.executable, "-c", OF_A_CALL], capture_output=True, text=True, check=True
    )
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert [line.get("correlation_id") for line in lines] == [None, "one", "one", "two"]


OF_WHAT_IS_HARD_TO_WRITE: Final = """
import structlog
from common.telemetry.logs import configure_logs

configure_logs("gateway", "warning")
log = structlog.get_logger()
log.info("not important")
log.warning("strange", text="\\ud800", of=object(), many={1})
try:
    1 / 0
except ZeroDivisionError:
    log.exception("failed")
"""


def test_every_event_from_the_level_on_is_a_line_whatever_its_fields() -> None:
    done = subprocess.run(
        [sys.executable, "-c", OF_WHAT_IS_HARD_TO_WRITE],
        capture_output=True,
        text=True,
        check=True,
    )
    strange, failed = (json.loads(line) for line in done.stderr.splitlines())
    assert (strange["event"], strange["text"], strange["level"]) == (
        "strange",
        "\ud800",
        "warning",
    )
    assert (failed["event"], failed["level"]) == ("failed", "error")
    assert "ZeroDivisionError" in failed["exception"]
