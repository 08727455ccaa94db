"""A trial for each test, and the time each recovery took."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from tests.faults.trial import Trial
from tests.local.broker import PrivateBroker


@pytest.fixture
async def trial(
    broker: PrivateBroker, tmp_path: Path, record_property: Callable[[str, object], None]
) -> AsyncIterator[Trial]:
    """A trial in a vhost of its own."""
    async with Trial(broker, tmp_path, record_property) as opened:
        yield opened


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print how long each recovery took."""
    for report in terminalreporter.stats.get("passed", []):
        for name, value in report.user_properties:
            if name == "recovered_s":
                terminalreporter.write_line(f"recovered in {value:6.2f} s: {report.nodeid}")
