"""What a predictor tells of a prediction before it ends."""

import asyncio

import structlog

from common.amqp.channel import Delivery
from common.contract.messages import MessageType, Request
from common.contract.progress import Progress
from common.contract.topology import REPLIES
from predictor_service.request_reply.job import Job
from predictor_service.request_reply.progress_events import ProgressEvents
from predictor_service.scheduling.lanes import Lane
from tests.support.fakes.scripted import ScriptedChannel, ScriptedLink
from tests.support.harness.waiting import until


def job(reply_to: str) -> Job:
    """A request that was delivered."""
    request = Request(
        correlation_id="c",
        body=b'{"input": 1}',
        reply_to=reply_to,
        expiration_ms=60_000,
        timestamp_s=0,
    )
    return Job.from_delivery(Delivery(request.to_message(), ScriptedChannel(), 1), "m", Lane.ASYNC)


async def test_that_it_runs_is_told_where_somebody_can_follow_and_nothing_waits_for_it() -> None:
    link = ScriptedLink()
    link.hold = asyncio.Event()  # no confirm comes
    events = ProgressEvents(link)
    with events.running([job(REPLIES)]):
        assert link.published == []
        await until(lambda: _has_told(link, 1), lambda: "the start is told")
        events.progress("c", Progress(0.5, "half"))
        await asyncio.sleep(0)
    assert told(link) == [MessageType.STARTED, MessageType.PROGRESS]
    assert {message.correlation_id for message in link.published} == {"c"}


async def test_the_start_is_told_before_the_first_progress() -> None:
    link = ScriptedLink()
    events = ProgressEvents(link)
    with events.running([job(REPLIES)]):
        events.progress("c", Progress(0.5))
        events.progress("c", Progress(0.6))
        await asyncio.sleep(0)
    assert told(link) == [MessageType.STARTED, MessageType.PROGRESS, MessageType.PROGRESS]


async def test_of_what_is_over_in_a_moment_nothing_is_told() -> None:
    link = ScriptedLink()
    events = ProgressEvents(link)
    with events.running([job(REPLIES)]):
        pass
    with events.running([job(REPLIES)]):  # would be told after anything of the first
        await until(lambda: _has_told(link, 1), lambda: "the second start is told")
    assert told(link) == [MessageType.STARTED]


async def test_of_a_sync_call_nothing_is_told() -> None:
    link = ScriptedLink()
    events = ProgressEvents(link)
    with events.running([job("the reply queue of a gateway")]), events.running([job(REPLIES)]):
        await until(lambda: _has_told(link, 1), lambda: "the other start is told")
    assert told(link) == [MessageType.STARTED]


async def test_what_cannot_be_told_is_lost_and_the_prediction_goes_on() -> None:
    link = ScriptedLink()
    link.take(up=False)
    events = ProgressEvents(link)
    with structlog.testing.capture_logs() as logs, events.running([job(REPLIES)]):
        events.progress("c", Progress(0.5))
        await asyncio.sleep(0)
    assert [line["event"] for line in logs] == ["event not told", "event not told"]


def told(link: ScriptedLink) -> list[str]:
    """The kinds of what was published."""
    return [message.type for message in link.published]


async def _has_told(link: ScriptedLink, count: int) -> bool:
    return len(link.published) >= count
