"""The cap on the waits of long polls, on a manual clock."""

from collections.abc import Awaitable, Callable
from typing import Any, Final

import pytest

from gateway.prediction_id import PredictionIds, spell
from gateway.predictions.lookup import PredictionLookup
from gateway.request_reply.final_states import FinalStates
from tests.support.fakes.intake import SilentRequestor
from tests.support.fakes.loops import ManualLoop
from tests.support.fakes.reply_stream import ScriptedReplyStream

LONGEST_S: Final = 30.0

Wait = Callable[[PredictionLookup, Any, float], Awaitable[Any]]

WAITS: Final[dict[str, Wait]] = {
    "GET": lambda lookup, prediction_id, wait_s: lookup.look_up(spell(prediction_id), wait_s),
    "POST": lambda lookup, prediction_id, wait_s: lookup.wait(prediction_id, wait_s),
}


@pytest.mark.parametrize("wait", WAITS.values(), ids=WAITS)
@pytest.mark.parametrize(("wait_s", "ends_s"), [(100_000, LONGEST_S), (10**9, LONGEST_S), (7, 7)])
def test_a_wait_is_capped_at_the_longest_one_of_the_gateway(
    manual_loop: ManualLoop, wait: Wait, wait_s: float, ends_s: float
) -> None:
    ids = PredictionIds(b"k" * 32, 3600, manual_loop.time)
    stream = ScriptedReplyStream(manual_loop.time)
    final_states = FinalStates(SilentRequestor(), manual_loop.time)
    lookup = PredictionLookup(ids, stream, final_states, LONGEST_S)

    async def waiting() -> None:
        await wait(lookup, ids.mint(), wait_s)

    task = manual_loop.create_task(waiting())
    manual_loop.settle()
    manual_loop.now_s = ends_s - 0.1
    manual_loop.settle()
    assert not task.done()
    manual_loop.now_s = ends_s
    manual_loop.settle()
    assert task.done()
    task.result()
