"""The queue with places, compared with a deque."""

from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.reply_stream.indexed_queue import IndexedQueue


@given(st.lists(st.integers(-300, 600), max_size=12))
def test_items_leave_in_their_order_and_are_found_at_their_places(steps: list[int]) -> None:
    """Append as many items as a step says; remove them for a negative one."""
    queue, twin, start = IndexedQueue[int](), deque[int](), 0
    for step in steps:
        for _ in range(step):
            twin.append(queue.end)
            queue.append(queue.end)
        for _ in range(min(-step, len(twin))):
            assert queue.oldest == twin[0]
            assert queue.popleft() == twin.popleft()
            start += 1
        assert len(queue) == len(twin)
        assert bool(queue) == bool(twin)
        assert [queue[place] for place in range(start, queue.end)] == list(twin)


def test_an_item_is_replaced_at_its_place() -> None:
    queue = IndexedQueue[str]()
    queue.append("a")
    queue.append("b")
    queue[1] = "c"
    assert [queue.popleft(), queue.popleft()] == ["a", "c"]


def test_a_place_whose_item_has_left_has_none() -> None:
    queue = IndexedQueue[str]()
    for _ in range(2):
        queue.append("a")
    queue.popleft()
    with pytest.raises(IndexError):
        queue[0]
