"""The header ``Server-Timing``, and the responses that have it."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from common.contract.timing import Timing
from gateway.call_context import set_timing
from gateway.web.server_timing import server_timing

RESULT = "/predict/<prediction_id>"


def _after(timing: Timing | None, *response: Any, requested_by_call: bool = True) -> str:
    """Build the header of a response in a request whose ``timing`` is set."""

    async def respond() -> str:
        set_timing(timing, requested_by_call=requested_by_call)
        return server_timing(*response)

    return asyncio.run(respond())


def test_a_call_reports_its_own_time_and_the_times_of_its_prediction() -> None:
    header = _after(Timing.of(0.002, 0.01), "POST", "/models/<model>/predict", 200, 0.0135)
    assert header == "queue;dur=2.0, model;dur=10.0, total;dur=13.5"


@pytest.mark.parametrize(("queue_s", "left"), [(900.0, "3.5"), (0.0, "0.0")])
def test_a_reported_queue_time_is_never_longer_than_its_call(queue_s: float, left: str) -> None:
    header = _after(Timing.of(queue_s, 0.01), "POST", "/predict", 422, 0.0135)
    assert header == f"queue;dur={left}, model;dur=10.0, total;dur=13.5"


def test_a_call_reports_the_times_of_an_earlier_calls_prediction_uncut() -> None:
    header = _after(Timing.of(3, 2), "POST", "/predict", 200, 0.001, requested_by_call=False)
    assert header == "queue;dur=3000.0, model;dur=2000.0, total;dur=1.0"


def test_a_call_without_a_reply_reports_its_own_time_alone() -> None:
    assert _after(None, "POST", "/predict", 504, 30.0) == "total;dur=30000.0"


def test_a_fetched_result_reports_the_times_of_its_prediction_and_not_of_the_get() -> None:
    for method in ("GET", "HEAD"):
        header = _after(Timing.of(3, 2), method, RESULT, 200, 0.001)
        assert header == "queue;dur=3000.0, model;dur=2000.0, total;dur=5000.0"


@pytest.mark.parametrize(
    "response",
    [
        ("POST", "/predict", 202, 0.001),
        ("GET", RESULT, 202, 0.001),
        ("GET", RESULT, 404, 0.001),
        ("GET", "/models", 200, 0.001),
        ("DELETE", RESULT, 204, 0.001),
    ],
)
def test_a_response_without_a_finished_prediction_has_no_server_timing(
    response: tuple[Any, ...],
) -> None:
    assert _after(None, *response) == ""


def test_requests_do_not_see_each_others_timing() -> None:
    async def both() -> list[str]:
        async def one(timing: Timing | None, turn: Callable[[], Any]) -> str:
            set_timing(timing, requested_by_call=True)
            await turn()
            return server_timing("GET", RESULT, 200, 1)

        def pause() -> Any:
            return asyncio.sleep(0)

        return list(await asyncio.gather(one(Timing(1, 1), pause), one(None, pause)))

    assert asyncio.run(both()) == ["queue;dur=0.1, model;dur=0.1, total;dur=0.2", ""]
