"""What a predictor tells of a request before it answers it."""

import asyncio

import structlog

from common.channel import Delivery
from common.messages import MessageType, Request
from common.progress import Progress
from common.topology import REPLIES
from predictor_service.answers import Answers
from predictor_service.job import Job
from tests.support.scripted import ScriptedChannel, ScriptedLink


def job(reply_to: str) -> Job:
    """A request that was delivered."""
    request = Request(
        correlation_id="c",
        body=b'{"input": 1}',
        reply_to=reply_to,
        expiration_ms=60_000,
        timestamp_s=0,
    )
    return Job.from_delivery(Delivery(request.to_message(), ScriptedChannel(), 1), "m")


async def test_that_it_starts_is_told_where_somebody_can_follow_and_nothing_waits_for_it() -> None:
    link = ScriptedLink()
    link.hold = asyncio.Event()  # no confirm comes
    answers = Answers(link)
    answers.started(job(REPLIES))
    answers.progress("c", Progress(0.5, "half"))
    await asyncio.sleep(0)
    assert [message.type for message in link.published] == [
        MessageType.STARTED,
        MessageType.PROGRESS,
    ]
    assert {message.correlation_id for message in link.published} == {"c"}


async def test_of_a_sync_call_nothing_is_told() -> None:
    link = ScriptedLink()
    Answers(link).started(job("the reply queue of a gateway"))
    await asyncio.sleep(0)
    assert link.published == []


async def test_what_cannot_be_told_is_lost_and_the_prediction_goes_on() -> None:
    link = ScriptedLink()
    link.take(up=False)
    with structlog.testing.capture_logs() as logs:
        Answers(link).started(job(REPLIES))
        await asyncio.sleep(0)
    assert [line["event"] for line in logs] == ["event not told"]
