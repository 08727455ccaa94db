"""A request that is redelivered over a new connection runs again only if it has to."""

import asyncio
from collections.abc import AsyncIterator, Iterable

import pytest
from structlog.testing import capture_logs

from common.amqp.channel import Delivery
from predictor_service.request_reply.duplicates import MAX_KNOWN, RedeliveredRequests
from predictor_service.request_reply.progress_events import ProgressEvents
from predictor_service.request_reply.replier import Replier
from predictor_service.request_reply.replies import ReplySender
from predictor_service.scheduling.batching import Batching
from tests.support.fakes.loops import TURNS
from tests.support.fakes.requests import RequestChannel, job_of, request_of
from tests.support.fakes.runner import ScriptedRunner
from tests.support.fakes.scripted import ScriptedLink


class ReconnectingReplier:
    """A replier with two slots, whose connection can be lost."""

    def __init__(self, max_batch: int = 1) -> None:
        self.runner = ScriptedRunner(takes_batches=max_batch > 1)
        self.link, self.channel = ScriptedLink(), RequestChannel()
        batching = Batching(max_batch, 0)
        self.replier = Replier(
            self.runner, ReplySender(self.link), ProgressEvents(self.link), 2, batching
        )

    async def connect(self) -> None:
        """Attach to a new connection, after the loss of the last one if there was one."""
        if self.replier.consumer.prefetch:
            self.channel.is_open = False
            self.replier.detach()
            self.channel = RequestChannel()
        await self.replier.attach(self.channel)

    async def deliver(
        self, *names: str, redeliveries: int = 0, message_ids: Iterable[str] = ()
    ) -> None:
        """Deliver requests, with tags from 1 on; their message ids are their names or others."""
        for tag, (name, message_id) in enumerate(zip(names, message_ids or names, strict=True), 1):
            request = request_of(name)
            request.headers["x-delivery-count"] = redeliveries
            self.channel.on_delivery(Delivery(request, self.channel, tag, message_id))
        await self.turn()

    def fail_to_publish(self) -> None:
        """Have replies meet a bug of ours from now on."""

        def fail(_: object) -> None:
            raise ValueError

        self.link.on_publish = fail

    async def end_call(self) -> None:
        """Let a model call end."""
        self.runner.end_calls()
        await self.turn()

    async def turn(self) -> None:
        for _ in range(8 * TURNS):
            await asyncio.sleep(0)

    @property
    def replied(self) -> list[str]:
        """The ids that got a reply, in order."""
        return [message.correlation_id for message in self.link.published]


@pytest.fixture(params=[1])
async def two_slots(request: pytest.FixtureRequest) -> AsyncIterator[ReconnectingReplier]:
    """A replier that is connected; the parameter is the size of its batches."""
    made = ReconnectingReplier(request.param)
    await made.connect()
    yield made
    made.runner.end_calls(9)
    await made.replier.drain(20)


batched = pytest.mark.parametrize("two_slots", [2], indirect=True)


async def test_a_duplicate_of_a_request_that_runs_is_acknowledged_after_the_reply(
    two_slots: ReconnectingReplier,
) -> None:
    with capture_logs() as lines:
        await two_slots.deliver("long")
        await two_slots.connect()
        await two_slots.deliver("long", redeliveries=3)
        assert two_slots.channel.settled == []
        await two_slots.end_call()
    assert two_slots.runner.calls == [["long"]]
    assert two_slots.replied == ["long"]
    assert two_slots.channel.settled == [1]
    logged = [line["correlation_id"] for line in lines if line["event"] == "prediction"]
    assert logged == ["long"]


async def test_other_requests_start_while_a_duplicate_is_held_back(
    two_slots: ReconnectingReplier,
) -> None:
    await two_slots.deliver("long")
    await two_slots.connect()
    await two_slots.deliver("long", redeliveries=3)
    await two_slots.deliver("quick")
    assert two_slots.runner.calls == [["long"], ["quick"]]


async def test_a_duplicate_of_an_answered_request_is_acknowledged_at_once(
    two_slots: ReconnectingReplier,
) -> None:
    await two_slots.deliver("lost acknowledgement")
    await two_slots.end_call()
    await two_slots.connect()
    await two_slots.deliver("lost acknowledgement", redeliveries=1)
    assert two_slots.runner.calls == [["lost acknowledgement"]]
    assert two_slots.channel.settled == [1]


@pytest.mark.parametrize("message_ids", [("first", "second"), ("", "")], ids=["two", "unknown"])
async def test_a_request_that_is_published_again_runs_again(
    two_slots: ReconnectingReplier, message_ids: tuple[str, str]
) -> None:
    await two_slots.deliver("twice", "twice", message_ids=message_ids)
    await two_slots.end_call()
    await two_slots.end_call()
    assert two_slots.runner.calls == [["twice"], ["twice"]]
    assert two_slots.replied == ["twice", "twice"]


@batched
async def test_a_batch_of_which_some_requests_are_answered_does_not_run_again(
    two_slots: ReconnectingReplier,
) -> None:
    await two_slots.deliver("a", "b")
    await two_slots.connect()
    await two_slots.deliver("a", "b", redeliveries=1)
    confirmed = asyncio.Event()
    publish = two_slots.link.publish

    async def slow(message: object, routing_key: str, **options: object) -> None:
        if getattr(message, "correlation_id", "") == "b":
            await confirmed.wait()
        await publish(message, routing_key, timeout_s=1)  # type: ignore[arg-type]

    two_slots.link.publish = slow  # type: ignore[method-assign]
    await two_slots.end_call()
    assert two_slots.replied == ["a"]
    confirmed.set()
    await two_slots.turn()
    assert two_slots.runner.calls == [["a", "b"]]
    assert sorted(two_slots.channel.settled) == [1, 2]


@batched
async def test_a_model_call_is_not_logged_under_the_id_of_the_call_before(
    two_slots: ReconnectingReplier,
) -> None:
    for name in ("a", "b"):
        await two_slots.deliver(name)
        await two_slots.end_call()
    await two_slots.deliver("c", "d", "e", "f", "g")
    for _ in range(4):
        await two_slots.end_call()
    assert set(two_slots.runner.logged_under) == {""}


async def test_a_request_that_a_call_did_not_come_to_has_duplicates_once_it_runs() -> None:
    replier = ReconnectingReplier(max_batch=2)
    replier.runner.comes_to = 1
    await replier.connect()
    await replier.deliver("a", "b")
    replier.link.hold = asyncio.Event()
    await replier.end_call()  # the reply to a is on its way, and b runs
    assert replier.runner.calls == [["a", "b"], ["b"]]
    replier.link.hold.set()
    await replier.turn()
    await replier.connect()
    await replier.deliver("b", redeliveries=1)
    await replier.end_call()
    assert replier.runner.calls == [["a", "b"], ["b"]]
    assert replier.replied == ["a", "b"]
    assert replier.channel.settled == [1]
    await replier.replier.drain(20)


async def test_a_duplicate_runs_if_the_request_that_ran_got_no_reply(
    two_slots: ReconnectingReplier,
) -> None:
    await two_slots.deliver("unlucky")
    await two_slots.connect()
    await two_slots.deliver("unlucky", redeliveries=1)
    two_slots.fail_to_publish()
    await two_slots.end_call()
    two_slots.link.on_publish = lambda _: None
    await two_slots.end_call()
    assert two_slots.runner.calls == [["unlucky"], ["unlucky"]]
    assert two_slots.channel.settled == [1]


async def test_a_duplicate_is_requeued_if_the_predictor_ends_before_there_is_a_reply(
    two_slots: ReconnectingReplier,
) -> None:
    await two_slots.deliver("long")
    await two_slots.connect()
    await two_slots.deliver("long", redeliveries=1)
    two_slots.fail_to_publish()
    draining = asyncio.create_task(two_slots.replier.drain(20))
    await two_slots.end_call()
    await draining
    assert two_slots.channel.requeued == [1]


def test_the_number_of_answered_requests_remembered_is_bounded() -> None:
    duplicates = RedeliveredRequests()
    jobs = [job_of(str(number)) for number in range(MAX_KNOWN + 1)]
    for job in jobs:
        duplicates.answered(job)
    assert not duplicates.is_answered(jobs[0])
    assert duplicates.is_answered(jobs[1])
    assert duplicates.is_answered(jobs[-1])
