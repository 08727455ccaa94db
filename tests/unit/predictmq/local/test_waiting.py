"""Waiting for a condition."""

from predictmq.local.waiting import wait_until


def test_waiting_ends_when_the_condition_holds_or_the_time_is_over() -> None:
    answers = iter([False, False, True])
    assert wait_until(lambda: next(answers), timeout_s=5)
    assert not wait_until(lambda: False, timeout_s=0.01)
