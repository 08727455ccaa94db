"""Events that a predictor publishes of a prediction before it ends."""

import asyncio

import structlog

from common.contract.messages import MessageType
from common.contract.progress import Progress
from common.contract.topology import REPLIES
from predictor_service.request_reply.progress_events import ProgressEvents
from tests.support.fakes.requests import job_of
from tests.support.fakes.scripted import ScriptedLink
from tests.support.harness.waiting import until


async def test_the_start_of_a_followed_prediction_is_published_and_nothing_waits_for_it() -> None:
    link = ScriptedLink()
    link.hold = asyncio.Event()  # no confirm comes
    events = ProgressEvents(link)
    with events.running([job_of("c", REPLIES)]):
        assert link.published == []
        await until(lambda: _has_published(link, 1), lambda: "the start is published")
        events.progress("c", Progress(0.5, "half"))
        await asyncio.sleep(0)
    assert published(link) == [MessageType.STARTED, MessageType.PROGRESS]
    assert {message.correlation_id for message in link.published} == {"c"}


async def test_the_start_is_published_before_the_first_progress() -> None:
    link = ScriptedLink()
    events = ProgressEvents(link)
    with events.running([job_of("c", REPLIES)]):
        events.progress("c", Progress(0.5))
        events.progress("c", Progress(0.6))
        await asyncio.sleep(0)
    assert published(link) == [MessageType.STARTED, MessageType.PROGRESS, MessageType.PROGRESS]


async def test_a_prediction_that_ends_in_a_moment_has_no_events() -> None:
    link = ScriptedLink()
    events = ProgressEvents(link)
    with events.running([job_of("c", REPLIES)]):
        pass
    with events.running([job_of("c", REPLIES)]):  # its event would come after one of the first
        await until(lambda: _has_published(link, 1), lambda: "the second start is published")
    assert published(link) == [MessageType.STARTED]


async def test_a_sync_call_has_no_events() -> None:
    link = ScriptedLink()
    events = ProgressEvents(link)
    sync, followed = job_of("c", "the reply queue of a gateway"), job_of("c", REPLIES)
    with events.running([sync]), events.running([followed]):
        await until(lambda: _has_published(link, 1), lambda: "the other start is published")
    assert published(link) == [MessageType.STARTED]


async def test_an_event_that_cannot_be_published_is_lost_and_the_prediction_goes_on() -> None:
    link = ScriptedLink()
    link.take(up=False)
    events = ProgressEvents(link)
    with structlog.testing.capture_logs() as logs, events.running([job_of("c", REPLIES)]):
        events.progress("c", Progress(0.5))
        await asyncio.sleep(0)
    assert [line["event"] for line in logs] == ["event not told", "event not told"]


def published(link: ScriptedLink) -> list[str]:
    """Return the types of the messages that were published."""
    return [message.type for message in link.published]


async def _has_published(link: ScriptedLink, count: int) -> bool:
    return len(link.published) >= count
