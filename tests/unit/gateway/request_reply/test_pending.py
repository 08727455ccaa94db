"""Calls that wait for a reply, compared with the outcomes that their callers should get."""

import asyncio
from dataclasses import dataclass, field
from typing import Final

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from common.contract.messages import Reply
from common.errors import DeadlineExceeded
from gateway.request_reply.pending import PendingCalls, ReplyQueueLost
from tests.support.fakes.loops import ManualLoop

NAMES: Final = st.sampled_from("abc")


@dataclass
class Expected:
    """The outcome that a caller should have, or None while it should wait."""

    deadline_s: float
    outcome: Reply | type[Exception] | None = None
    sent: int = 1
    between: bool = False
    """True while the reply queue is lost and there is no new one."""


@dataclass
class Caller:
    """A caller as in the requestor: it publishes again when the reply queue is lost."""

    pending: PendingCalls
    reconnected: asyncio.Event
    sent: int = 0
    task: asyncio.Task[Reply] = field(init=False)

    async def call(self, name: str, timeout_s: float) -> Reply:
        with self.pending.open(name, timeout_s) as call:
            while True:
                call.begin_attempt()
                self.sent += 1
                try:
                    return await call.reply()
                except ReplyQueueLost:
                    await self.reconnected.wait()


class PendingAgainstADict(RuleBasedStateMachine):
    """The table of pending calls, compared with a dict; one caller at a time under each name."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = ManualLoop()
        self.pending = PendingCalls()
        self.reconnected = asyncio.Event()
        self.reconnected.set()
        self.callers: dict[str, Caller] = {}
        self.expected: dict[str, Expected] = {}
        self.replies = 0

    @rule(name=NAMES, timeout_s=st.integers(1, 5))
    def open(self, name: str, timeout_s: int) -> None:
        if name in self.expected:
            return  # ids are unique
        caller = Caller(self.pending, self.reconnected)
        caller.task = self.loop.create_task(caller.call(name, timeout_s))
        self.callers[name] = caller
        self.expected[name] = Expected(self.loop.now_s + timeout_s)
        self.turn()

    @rule(name=NAMES, copies=st.integers(1, 2), late_s=st.sampled_from([0, 0, 9]))
    def reply(self, name: str, copies: int, late_s: int) -> None:
        """Deliver a reply, perhaps twice, without a caller, or as the clock passes the deadline."""
        expected = self.expected.get(name)
        for _ in range(copies):
            self.replies += 1
            reply = Reply.succeeded(b"%d" % self.replies, b"0")
            assert self.pending.settle(name, reply) == (expected is not None)
            if expected and not expected.between and expected.outcome is None:
                expected.outcome = reply
        self.loop.now_s += late_s
        self.expire()

    @rule(seconds=st.integers(1, 3))
    def wait(self, seconds: int) -> None:
        self.loop.now_s += seconds
        self.expire()

    @rule()
    def lose_the_reply_queue(self) -> None:
        self.reconnected.clear()
        self.pending.interrupt()
        for expected in self.expected.values():
            expected.between = True
        self.turn()

    @rule()
    def make_another_reply_queue(self) -> None:
        self.reconnected.set()
        for expected in self.expected.values():
            expected.sent += expected.between
            expected.between = False
        self.expire()

    @rule(name=NAMES)
    def leave(self, name: str) -> None:
        """Cancel a caller before its outcome."""
        if self.expected.pop(name, None):
            self.callers[name].task.cancel()
            self.turn()

    def expire(self) -> None:
        for expected in self.expected.values():
            late = expected.deadline_s <= self.loop.now_s and not expected.between
            if late and expected.outcome is None:
                expected.outcome = DeadlineExceeded
        self.turn()

    def turn(self) -> None:
        """Let every task go on, and compare the outcomes of the callers."""
        self.loop.settle()
        for name, expected in list(self.expected.items()):
            caller = self.callers[name]
            assert caller.task.done() == (expected.outcome is not None)
            assert caller.sent == expected.sent
            if expected.outcome is not None:
                error = caller.task.exception()
                assert expected.outcome == (type(error) if error else caller.task.result())
                del self.expected[name]

    @invariant()
    def only_waiting_callers_are_in_the_table(self) -> None:
        assert len(self.pending) == len(self.expected)

    def teardown(self) -> None:
        """Check that every call ends by its deadline, once there is a reply queue again."""
        self.loop.now_s += 10
        self.make_another_reply_queue()
        assert not self.expected
        assert len(self.pending) == 0
        self.loop.close()


TestPendingAgainstADict = PendingAgainstADict.TestCase
TestPendingAgainstADict.settings = settings(max_examples=100, stateful_step_count=30)
