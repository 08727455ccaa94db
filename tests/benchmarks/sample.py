"""The samples of one part of a run, as plain data for a file."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Self

Sample = dict[str, float]
"""Measure → its value in one round. The names carry their units: ``per_s``, ``p50_ms``."""


@dataclass
class Section:
    """One part of a run: contender → case → a sample for each round.

    ``missing`` says why a contender could not take part. ``base`` is the commit of the earlier
    version beside ours; empty without one.
    """

    rounds: int
    seconds: int
    at: str = field(default_factory=lambda: time.strftime("%Y-%m-%d %H:%M", time.gmtime()))
    samples: dict[str, dict[str, list[Sample]]] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    base: str = ""

    @classmethod
    def of(cls, plain: dict[str, Any]) -> Self:
        """Return a section from its written form."""
        return cls(**plain)

    def add(self, contender: str, case: object, sample: Sample) -> None:
        """Note one sample, in six digits, and show it: a run takes long."""
        sample = {name: float(f"{value:.6g}") for name, value in sample.items()}
        self.samples.setdefault(contender, {}).setdefault(str(case), []).append(sample)
        shown = ", ".join(f"{name} {value:,.4g}" for name, value in sample.items())
        print(f"  {contender} [{case}]: {shown}", flush=True)

    def values(self, contender: str, case: object, measure: str) -> list[float]:
        """Return a measure, round by round; empty if it was not measured."""
        samples = self.samples.get(contender, {}).get(str(case), [])
        return [sample[measure] for sample in samples if measure in sample]

    def cases(self) -> list[str]:
        """Return the cases in the order of their measurement."""
        return list(dict.fromkeys(case for cases in self.samples.values() for case in cases))

    def each_round(self) -> Iterator[int]:
        """Yield the rounds by their number; prints each as it begins."""
        for number in range(1, self.rounds + 1):
            print(f" round {number} of {self.rounds}", flush=True)
            yield number
