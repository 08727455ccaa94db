"""The time that a request has waited, by clocks that may differ."""

import time
from collections.abc import Callable
from typing import Final

import pytest

from common.contract.timing import Timing
from predictor_service.request_reply.job import Job, RunRecord
from tests.support.fakes.requests import job_of

SLACK_S: Final = 5.0


def _job(waited_s: float, expires_s: float = 60) -> Job:
    """Return a request that its gateway's clock accepted ``waited_s`` seconds ago."""
    return job_of(_prediction_id(waited_s), expires_s=expires_s)


def _prediction_id(waited_s: float) -> str:
    accepted_ms = int((time.time() - waited_s) * 1000)
    return f"{accepted_ms >> 16:08x}-{accepted_ms & 0xFFFF:04x}-8187-992d-4769e1f5ac93"


def test_the_queue_time_counts_from_the_time_in_the_prediction_id() -> None:
    job = _job(waited_s=20)
    reply = job.reply(RunRecord(b"2", started_s=job.accepted_s + 21.5, took_s=0.25))
    assert reply.timing == Timing.of(21.5, 0.25)
    assert 20 <= time.time() - job.accepted_s < 20 + SLACK_S
    assert reply.body == b'{"input": 1, "result": 2}'


@pytest.mark.parametrize(
    "new_id",
    [
        lambda: _prediction_id(waited_s=-900),
        lambda: _prediction_id(waited_s=900),
        lambda: "an-id",
        lambda: "c",
    ],
    ids=["from the future", "later than the broker lets it", "no uuid", "short"],
)
def test_the_queue_time_counts_from_the_arrival_if_the_id_has_no_possible_time(
    new_id: Callable[[], str],
) -> None:
    job = job_of(new_id(), expires_s=60)
    assert abs(time.time() - job.accepted_s) < SLACK_S
