"""What is noted of a request belongs to that request."""

import asyncio

from gateway.call_context import add_log_fields, begin_request


async def test_requests_side_by_side_do_not_see_what_others_note() -> None:
    async def answer(model: str) -> dict[str, object]:
        known = begin_request()
        await asyncio.sleep(0)
        add_log_fields(model=model)
        return known

    both = await asyncio.gather(answer("a"), answer("b"))
    assert list(both) == [{"model": "a"}, {"model": "b"}]


def test_outside_of_a_request_nothing_is_noted() -> None:
    add_log_fields(model="a")
    assert begin_request() == {}
