"""Fixtures of the unit tests, and the profile with which Hypothesis explores."""

import os
from collections.abc import Iterator

import pytest
from hypothesis import settings

from predictmq.local.plan import EVERY_SETTING
from tests.support.fakes.loops import ManualLoop

# The same examples on every machine: a failure in CI is a failure here. No deadline, because
# a busy machine is no defect of the code.
settings.register_profile(
    "unit", deadline=None, max_examples=100, derandomize=True, database=None, print_blob=True
)
settings.load_profile("unit")


@pytest.fixture
def no_settings(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An environment without our variables; what is set through it is undone by the end."""
    prefixes = tuple(kind.prefix for kind in EVERY_SETTING if kind.prefix)
    ours = {name for kind in EVERY_SETTING for name in kind.names()}
    for name in list(os.environ):
        if name.upper() in ours or name.upper().startswith(prefixes):
            monkeypatch.delenv(name)
    return monkeypatch


@pytest.fixture
def manual_loop() -> Iterator[ManualLoop]:
    """An event loop whose clock the test moves; its tasks are cancelled after the test."""
    loop = ManualLoop()
    yield loop
    loop.end()
