"""The arithmetic of the benchmarks: medians, paired ratios, percentiles."""

import math

import pytest

from tests.benchmarks.figures import Figure, paired_ratio, percentile


def test_a_figure_is_the_median_and_the_extremes() -> None:
    assert Figure.of([3.0, 1.0, 2.0, 10.0]) == Figure(2.5, 1.0, 10.0)


def test_an_empty_series_has_no_figure() -> None:
    assert Figure.of([]) is None
    assert Figure.of([math.nan]) is None


def test_ratios_are_taken_round_by_round() -> None:
    # Both are three times slower in the second round, which says nothing about either.
    assert paired_ratio([20.0, 60.0, 22.0], [10.0, 30.0, 10.0]) == Figure(2.0, 2.0, 2.2)


def test_a_round_that_only_one_of_both_has_is_left_out() -> None:
    assert paired_ratio([20.0, 60.0], [10.0]) == Figure(2.0, 2.0, 2.0)
    assert paired_ratio([20.0], [0.0]) is None
    assert paired_ratio([], [10.0]) is None


@pytest.mark.parametrize(("percent", "value"), [(50, 2.0), (51, 3.0), (99, 4.0), (0, 1.0)])
def test_a_percentile_is_one_of_the_values(percent: float, value: float) -> None:
    assert percentile([4.0, 1.0, 3.0, 2.0], percent) == value


def test_an_empty_series_has_no_percentile() -> None:
    assert math.isnan(percentile([], 50))
