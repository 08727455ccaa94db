"""Stalls of the process, which are noticed and whose time does not count."""

from typing import Final

from gateway.stall_detector import BEAT_S, STALL_S, StallDetector

START_S: Final = 1000.0


class StallWorld:
    """A stall detector whose clock a test sets, and the number of its stalls."""

    def __init__(self) -> None:
        self.now_s = START_S
        self.stalls = 0
        self.detector = StallDetector(lambda: self.now_s)

    def beat_after(self, seconds: float) -> None:
        """Move the clock, and beat."""
        self.now_s += seconds
        self.detector.beat(self._count)

    def _count(self) -> None:
        self.stalls += 1


def test_a_busy_process_has_no_stall() -> None:
    world = StallWorld()
    for late_s in (BEAT_S, 2 * BEAT_S, STALL_S):
        world.beat_after(late_s)
    assert world.stalls == 0
    assert world.detector.awake_s() == 3 * BEAT_S + STALL_S


def test_a_stall_is_noticed_before_the_next_beat() -> None:
    world = StallWorld()
    world.now_s += 20
    assert world.detector.has_stalled
    world.beat_after(0)
    assert world.stalls == 1
    assert not world.detector.has_stalled


def test_the_time_of_a_stall_does_not_count() -> None:
    world = StallWorld()
    world.beat_after(BEAT_S)
    before_s = world.detector.awake_s()
    world.now_s += 20
    assert world.detector.awake_s() == before_s + STALL_S
    world.beat_after(BEAT_S)
    assert world.detector.awake_s() == before_s + STALL_S
    world.now_s += BEAT_S
    assert world.detector.awake_s() == before_s + STALL_S + BEAT_S
