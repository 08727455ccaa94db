"""A trial for each test, the time of each recovery, and the state of the broker on a failure."""

from collections.abc import AsyncIterator, Callable, Generator, Iterator
from pathlib import Path

import pytest

from predictmq.local.child_process import end_with_parent
from predictmq.local.rabbitmq.broker import PrivateBroker
from tests.faults.harness.trial import Trial


@pytest.fixture
async def trial(
    broker: PrivateBroker, tmp_path: Path, record_property: Callable[[str, object], None]
) -> AsyncIterator[Trial]:
    """A trial in a vhost of its own."""
    async with Trial(broker, tmp_path, record_property) as opened:
        yield opened


@pytest.fixture
def own_broker(tmp_path: Path) -> Iterator[PrivateBroker]:
    """A node that only this test starts, kills and restarts; stopped after it."""
    node = PrivateBroker(tmp_path / "rabbitmq", prepare_child=end_with_parent)
    yield node
    node.kill()  # nobody needs its data
    node.stop()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Function, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add queues, consumers and logs to the report of a failed test, before the trial ends."""
    report = yield
    trial = item.funcargs.get("trial")
    if isinstance(trial, Trial) and call.when == "call" and report.failed:
        try:
            report.sections.append(("what is there", trial.describe()))
        except Exception as exc:  # the broker may be away: the failure is worth more than this
            report.sections.append(("what is there cannot be told", str(exc)))
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the time of each recovery."""
    for report in terminalreporter.stats.get("passed", []):
        for name, value in report.user_properties:
            if name == "recovered_s":
                terminalreporter.write_line(f"recovered in {value:6.2f} s: {report.nodeid}")
