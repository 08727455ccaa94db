"""The arithmetic of the benchmarks: medians, paired ratios and their spread. No I/O."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Self


@dataclass(frozen=True)
class Figure:
    """A median and the extremes of what was measured."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Iterable[float]) -> Self | None:
        """Return the figure of some measurements; None for none."""
        measured = [value for value in values if math.isfinite(value)]
        return cls(median(measured), min(measured), max(measured)) if measured else None


def paired_ratio(numerators: Sequence[float], denominators: Sequence[float]) -> Figure | None:
    """Return the ratio of two series, round by round: a disturbance of a round affects both.

    None when no round has both, or the denominator is 0.
    """
    rounds = zip(numerators, denominators, strict=False)
    return Figure.of(above / below for above, below in rounds if below)


def percentile(values: Iterable[float], percent: float) -> float:
    """Return the value that ``percent`` of all do not exceed (nearest rank); NaN for none."""
    ordered = sorted(values)
    if not ordered:
        return math.nan
    return ordered[max(0, math.ceil(percent / 100 * len(ordered)) - 1)]
