"""Restarts of a process, and the pauses before them."""

import asyncio
import signal

import pytest

from common import restarts
from common.restarts import (
    PAUSE_MAX_S,
    PAUSE_MIN_S,
    STEADY_S,
    RestartPauses,
    describe_ending,
    keep_running,
)


def test_the_pauses_of_a_process_that_fails_at_its_start_grow_up_to_a_bound() -> None:
    pauses = RestartPauses()
    assert [pauses.after(ran_s=1) for _ in range(7)] == [0.5, 1, 2, 4, 8, 10, 10]


def test_the_pauses_begin_anew_after_a_steady_run() -> None:
    pauses = RestartPauses()
    while pauses.after(ran_s=1) < PAUSE_MAX_S:
        pass
    assert pauses.after(ran_s=STEADY_S + 1) == PAUSE_MIN_S
    assert pauses.after(ran_s=1) == 2 * PAUSE_MIN_S


@pytest.mark.parametrize(
    ("code", "words"), [(1, "exit code 1"), (0, "exit code 0"), (-signal.SIGKILL, "SIGKILL")]
)
def test_an_ending_is_told_in_words(code: int, words: str) -> None:
    assert describe_ending(code) == words


async def test_a_process_runs_again_until_its_exit_code_is_final(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(restarts, "PAUSE_MIN_S", 0)
    codes, told = iter([1, -9, 0, 2, 1]), list[str]()

    async def run_once() -> int:
        return next(codes)

    last = await keep_running(
        run_once,
        asyncio.Event(),
        is_final=lambda code: code == 2,
        on_restart=lambda ending, _: told.append(ending),
    )
    assert last == 2
    assert told == ["exit code 1", "SIGKILL", "exit code 0"]


async def test_a_process_that_is_told_to_end_in_its_pause_does_not_run_again() -> None:
    stopping, runs = asyncio.Event(), 0

    async def run_once() -> int:
        nonlocal runs
        runs += 1
        return 1

    last = await keep_running(
        run_once,
        stopping,
        is_final=lambda _: False,
        on_restart=lambda *_: stopping.set(),
    )
    assert (last, runs) == (1, 1)
