"""One pending call: its attempts, its deadline and its end."""

import asyncio
import gc
import weakref

import pytest

from common.contract.messages import Reply
from common.errors import ConnectionLost
from gateway.request_reply.pending import PendingCalls


async def test_the_remaining_time_of_a_call_is_never_negative() -> None:
    pending = PendingCalls()
    with pending.open("a", 60) as long, pending.open("b", -1) as over:
        assert 59 < long.remaining_s() <= 60
        assert over.remaining_s() == 0


async def test_a_reply_that_overtakes_its_confirm_is_kept_when_the_connection_is_lost() -> None:
    pending = PendingCalls()
    reply = Reply.succeeded(b"1", b"2")
    with pending.open("a", 60) as call:
        call.begin_attempt()
        pending.settle("a", reply)
        pending.interrupt()
        call.begin_attempt()
        assert await call.reply() == reply


async def test_a_reply_right_after_a_lost_confirm_is_kept() -> None:
    pending = PendingCalls()
    reply = Reply.succeeded(b"1", b"2")
    with pending.open("a", 60) as call:
        call.begin_attempt()
        confirm = asyncio.get_running_loop().create_future()
        call.track_confirm(confirm)
        confirm.set_exception(ConnectionLost("It was lost."))
        await asyncio.sleep(0)
        assert call.is_settled
        pending.settle("a", reply)
        call.begin_attempt()
        assert await call.reply() == reply


async def test_the_confirm_of_an_earlier_attempt_does_not_settle_a_later_one() -> None:
    pending = PendingCalls()
    with pending.open("a", 60) as call:
        confirm = asyncio.get_running_loop().create_future()
        call.track_confirm(confirm)
        pending.interrupt()
        call.begin_attempt()
        confirm.set_exception(ConnectionLost("It was lost."))
        await asyncio.sleep(0)
        assert not call.is_settled


async def test_a_finished_call_does_not_stay_in_memory_until_its_deadline() -> None:
    pending = PendingCalls()
    with pending.open("a", 60) as call:
        trace = weakref.ref(call)
    del call
    gc.collect()
    assert trace() is None


async def test_a_failed_call_leaves_the_table_and_other_calls_stay() -> None:
    pending = PendingCalls()
    with pending.open("a", 60):
        with pytest.raises(RuntimeError), pending.open("b", 60):
            raise RuntimeError
        assert len(pending) == 1
        assert not pending.settle("b", Reply.succeeded(b"1", b"2"))
    assert len(pending) == 0
