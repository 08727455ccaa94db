"""The index of results, compared with a dict, and its memory."""

import random
import tracemalloc
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.prediction_id import PredictionId, PredictionIds, minted_ms
from gateway.reply_stream.result_index import ResultIndex

IDS_AT_MS: Final = st.tuples(st.integers(0, 3000), st.integers(0, 40))
STEPS: Final = st.lists(st.tuples(IDS_AT_MS, st.integers(-3, 5)), max_size=120)


def id_of(ms: int, number: int) -> PredictionId:
    """Build an id; all numbers are alike in the lowest bits, so that slots collide."""
    return PredictionId(ms << 80 | number << 20)


def minted(count: int, for_each_s: float) -> list[PredictionId]:
    """Mint ids at a steady rate."""
    now_s = [1.7e9]
    ids = PredictionIds(b"k" * 32, 3600, lambda: now_s[0])
    made = []
    for _ in range(count):
        now_s[0] += 1 / for_each_s
        made.append(ids.mint())
    return made


@given(STEPS, st.integers(0, 3100))
def test_an_index_is_a_dict_in_which_the_first_value_stays(
    steps: list[tuple[tuple[int, int], int]], ended_ms: int
) -> None:
    index, twin = ResultIndex(), dict[PredictionId, int]()
    for (ms, number), value in steps:
        one = id_of(ms, number)
        assert index.add(one, value) == twin.get(one)
        twin.setdefault(one, value)
    assert len(index) == len(twin)
    for (ms, number), _ in steps:
        assert index.find(id_of(ms, number)) == twin[id_of(ms, number)]
        other = id_of(ms, number + 41)
        assert index.find(other) is None
    ended = [each for each in twin if minted_ms(each) <= ended_ms]
    assert index.count(ended_ms) == sum(twin[each] >= 0 for each in ended)


@given(STEPS, st.integers(0, 4000))
def test_only_ids_that_have_ended_are_dropped_and_none_at_a_negative_value(
    steps: list[tuple[tuple[int, int], int]], ended_ms: int
) -> None:
    index, twin = ResultIndex(), dict[PredictionId, int]()
    for (ms, number), value in steps:
        index.add(id_of(ms, number), value)
        twin.setdefault(id_of(ms, number), value)
    index.drop(ended_ms)
    kept = {each for each in twin if index.find(each) is not None}
    assert kept >= {each for each in twin if minted_ms(each) > ended_ms or twin[each] < 0}
    assert len(index) == len(kept)
    for each in kept:
        index.replace(each, 7)
        assert index.find(each) == 7
    index.drop(4600)
    assert len(index) == index.count(4600) == 0


@given(st.integers(0, 2**52 - 1), st.integers(0, 2**52 - 1), st.integers(0, 5000))
def test_ids_of_one_millisecond_are_told_apart_by_52_bits_and_others_always(
    one: int, other: int, ms: int
) -> None:
    index = ResultIndex()
    index.add(PredictionId(ms << 80 | one), 1)
    assert (index.find(PredictionId(ms << 80 | other)) == 1) == (one == other)
    assert index.find(PredictionId((ms + 1) << 80 | one)) is None


def test_a_value_has_63_bits_and_a_sign() -> None:
    index = ResultIndex()
    for number, value in enumerate((2**63 - 1, -(2**63), 0, -1)):
        index.add(id_of(0, number), value)
        assert index.find(id_of(0, number)) == value


@pytest.mark.parametrize("for_each_s", [200, 1000, 3000])
def test_a_result_takes_at_most_48_bytes(for_each_s: float) -> None:
    ids = minted(30_000, for_each_s)
    tracemalloc.start()
    try:
        index = ResultIndex()
        for offset, each in enumerate(ids):
            index.add(each, 10**9 + offset)
        used_bytes, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert used_bytes / len(ids) <= 48


def test_what_is_dropped_gives_its_memory_back() -> None:
    ids = minted(20_000, 2000)
    random.Random(1).shuffle(ids)
    tracemalloc.start()
    try:
        index = ResultIndex()
        for each in ids:
            index.add(each, 1)
        full_bytes, _ = tracemalloc.get_traced_memory()
        index.drop(max(map(minted_ms, ids)) + 1000)
        left_bytes, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(index) == 0
    assert left_bytes < full_bytes / 100
