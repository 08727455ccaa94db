"""The record of a run, as one file of plain JSON."""

import json
import os
import platform
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Final, Self

from tests.benchmarks.base import PINNED, SHORT_DIGITS
from tests.benchmarks.contenders import TITLES
from tests.benchmarks.figures import Figure, paired_ratio
from tests.benchmarks.sample import Section
from tests.benchmarks.stage import Stage

CONSTANT_ROUTE: Final = ("Quart", "Hypercorn", "h11")
"""The packages of the constant route. Those of the peers are in their requirements."""


@dataclass
class Record:
    """The sections that were measured, by their parts, and what they were measured on."""

    machine: dict[str, str] = field(default_factory=dict)
    sections: dict[str, Section] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a record; empty if none was written."""
        if not path.exists():
            return cls()
        plain = json.loads(path.read_text())
        sections = {part: Section.of(section) for part, section in plain["sections"].items()}
        return cls(plain["machine"], sections)

    def write(self, path: Path) -> None:
        """Write the record as one line of JSON."""
        path.write_text(json.dumps(asdict(self)) + "\n")

    def base(self, part: str) -> str:
        """Return the first digits of the earlier version in a part; those of the pinned one."""
        section = self.sections.get(part)
        return (section.base if section and section.base else PINNED)[:SHORT_DIGITS]

    def titles(self, part: str) -> dict[str, str]:
        """Return the contenders of a part in the order of all pages, with their titles."""
        section = self.sections.get(part)
        measured = section.samples if section else {}
        base = self.base(part)
        return {name: TITLES[name].format(base=base) for name in TITLES if name in measured}

    def figure(self, part: str, contender: str, case: object, measure: str) -> Figure | None:
        """Return a measure of one contender; None if it was not measured."""
        return Figure.of(self._values(part, contender, case, measure))

    def ratio(self, part: str, case: object, measure: str, above: str, below: str) -> Figure | None:
        """Return the ratio of a measure of ``above`` to that of ``below``, round by round."""
        return paired_ratio(
            self._values(part, above, case, measure), self._values(part, below, case, measure)
        )

    def _values(self, part: str, contender: str, case: object, measure: str) -> list[float]:
        section = self.sections.get(part)
        return section.values(contender, case, measure) if section else []


def machine(stage: Stage) -> dict[str, str]:
    """Return a description of the machine."""
    return {
        "processor": _processor(),
        "cores": str(os.cpu_count()),
        "Python": platform.python_version(),
        "RabbitMQ": stage.broker.ctl("version").strip(),
        **{package: version(package) for package in CONSTANT_ROUTE},
        "load before it began": f"{os.getloadavg()[0]:.1f}",
    }


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.machine())
