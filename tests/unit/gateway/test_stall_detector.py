"""A process that stood still notices it, and does not count the time."""

from typing import Final

from gateway.stall_detector import BEAT_S, STALL_S, StallDetector

START_S: Final = 1000.0


class Stood:
    """A pulse whose clock a test sets, and how often it told that the process stood still."""

    def __init__(self) -> None:
        self.now_s = START_S
        self.times = 0
        self.pulse = StallDetector(lambda: self.now_s)

    def beat_after(self, seconds: float) -> None:
        """Let time pass, and beat."""
        self.now_s += seconds
        self.pulse.beat(self._woken)

    def _woken(self) -> None:
        self.times += 1


def test_a_process_that_is_merely_busy_does_not_stand_still() -> None:
    stood = Stood()
    for late_s in (BEAT_S, 2 * BEAT_S, STALL_S):
        stood.beat_after(late_s)
    assert stood.times == 0
    assert stood.pulse.awake_s() == 3 * BEAT_S + STALL_S


def test_a_process_that_stood_still_knows_it_before_its_next_beat() -> None:
    stood = Stood()
    stood.now_s += 20
    assert stood.pulse.has_stalled
    stood.beat_after(0)
    assert stood.times == 1
    assert not stood.pulse.has_stalled


def test_the_time_in_which_a_process_stood_still_does_not_count() -> None:
    stood = Stood()
    stood.beat_after(BEAT_S)
    before_s = stood.pulse.awake_s()
    stood.now_s += 20
    assert stood.pulse.awake_s() == before_s + STALL_S
    stood.beat_after(BEAT_S)
    assert stood.pulse.awake_s() == before_s + STALL_S
    stood.now_s += BEAT_S
    assert stood.pulse.awake_s() == before_s + STALL_S + BEAT_S
