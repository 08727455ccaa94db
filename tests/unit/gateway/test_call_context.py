"""The log fields of a request, which belong to that request alone."""

import asyncio

from gateway.call_context import add_log_fields, begin_request


async def test_concurrent_requests_have_separate_log_fields() -> None:
    async def handle(model: str) -> dict[str, object]:
        known = begin_request()
        await asyncio.sleep(0)
        add_log_fields(model=model)
        return known

    both = await asyncio.gather(handle("a"), handle("b"))
    assert list(both) == [{"model": "a"}, {"model": "b"}]


def test_log_fields_outside_a_request_are_dropped() -> None:
    add_log_fields(model="a")
    assert begin_request() == {}
