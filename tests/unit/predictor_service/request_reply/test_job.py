"""Since when a request has waited, by clocks that may differ."""

import time
from collections.abc import Callable
from typing import Final

import pytest

from common.contract.timing import Timing
from predictor_service.request_reply.job import Job, Ran
from tests.support.fakes.requests import job_of

SLACK_S: Final = 5.0


def _job(waited_s: float, expires_s: float = 60) -> Job:
    """A request whose prediction was accepted ``waited_s`` ago, by its gateway's clock."""
    accepted_ms = int((time.time() - waited_s) * 1000)
    return job_of(
        f"{accepted_ms >> 16:08x}-{accepted_ms & 0xFFFF:04x}-8187-992d-4769e1f5ac93", expires_s
    )


def test_the_queue_counts_from_the_time_in_the_id() -> None:
    job = _job(waited_s=20)
    reply = job.reply(Ran(b"2", started_s=job.accepted_s + 21.5, took_s=0.25))
    assert reply.timing == Timing.of(21.5, 0.25)
    assert 20 <= time.time() - job.accepted_s < 20 + SLACK_S
    assert reply.body == b'{"input": 1, "result": 2}'


@pytest.mark.parametrize(
    "arrive",
    [
        pytest.param(lambda: _job(waited_s=-900), id="from the future"),
        pytest.param(lambda: _job(waited_s=900), id="later than the broker lets it"),
        pytest.param(lambda: job_of("an-id"), id="no uuid"),
        pytest.param(lambda: job_of("c"), id="short"),
    ],
)
def test_it_counts_from_the_arrival_if_the_id_tells_no_time_that_can_be(
    arrive: Callable[[], Job],
) -> None:
    assert abs(time.time() - arrive().accepted_s) < SLACK_S
