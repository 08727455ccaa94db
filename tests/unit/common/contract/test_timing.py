"""The timing header of a reply, and its packed form."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.contract.timing import PACKED_BITS, Timing

DAY_S = 24 * 3600.0


@given(st.floats(0, DAY_S), st.floats(0, DAY_S))
def test_a_timing_is_read_as_it_was_written_and_unpacked_as_it_was_packed(
    queue_s: float, model_s: float
) -> None:
    timing = Timing.of(queue_s, model_s)
    assert abs(timing.queue / 10_000 - queue_s) <= 0.00006
    assert abs(timing.model / 10_000 - model_s) <= 0.00006
    assert Timing.read({"timing": timing.header()}) == timing
    assert Timing.unpack(timing.pack()) == timing
    assert 0 < timing.pack() < 1 << PACKED_BITS


def test_the_header_has_milliseconds() -> None:
    assert Timing.of(1.5, 0.00042).header() == "1500.0,0.4"


@pytest.mark.parametrize(
    "header", [None, "", "1", "1,", ",1", "1;2", "a,b", "nan,1", "1,nan", b"1,2", 12, [1, 2]]
)
def test_a_header_that_cannot_be_read_is_no_timing(header: Any) -> None:
    assert Timing.read({"timing": header}) is None
    assert Timing.read({}) is None


@pytest.mark.parametrize("header", ["-1,-1e9", "1e99,inf", "-inf,1e15"])
def test_a_time_out_of_bounds_is_cut_to_them(header: str) -> None:
    timing = Timing.read({"timing": header})
    assert timing is not None
    assert min(timing.queue, timing.model) >= 0
    assert Timing.unpack(timing.pack()) == timing


def test_zero_unpacks_to_no_timing() -> None:
    assert Timing.unpack(0) is None
    assert Timing.unpack(Timing(0, 0).pack()) == Timing(0, 0)
