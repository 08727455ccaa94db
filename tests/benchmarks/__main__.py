"""``make bench``: start everything, measure, print what came of it, and write it if told to.

Exit codes: 0; 1 when a part could not be measured; 2 when nothing can be; 130 when interrupted.
"""

import argparse
import signal
import sys
import traceback
from collections.abc import Callable
from typing import Final, NoReturn

from predictmq.local.rabbitmq.errors import BrokerFailed, BrokerMissing
from predictmq.local.rabbitmq.installation import install, installation
from tests.benchmarks.base import PINNED, Base, prepare
from tests.benchmarks.parts import amqp, followed, later, memory, payload, scaling, sync
from tests.benchmarks.report.page import numbers, replace_numbers, throughput_plot
from tests.benchmarks.report.record import Record, machine
from tests.benchmarks.sample import Section
from tests.benchmarks.stage import Stage, set_up
from tests.benchmarks.wrk import WRK, WrkFailed, require
from tests.support.harness.services import ROOT

PARTS: Final[dict[str, Callable[[Stage], Section]]] = {
    "sync": sync.measure,
    "amqp": amqp.measure,
    "async": later.measure,
    "followed": followed.measure,
    "scaling": scaling.measure,
    "payload": payload.measure,
    "memory": memory.measure,
}
DATA: Final = ROOT / "docs" / "performance.json"
PAGE: Final = ROOT / "docs" / "performance.md"
PLOT: Final = ROOT / "docs" / "performance.svg"


def read_arguments() -> argparse.Namespace:
    """Read the arguments of the command."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--only", default="", help=f"some of {','.join(PARTS)}, with commas")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3, help="of each load in each round")
    parser.add_argument("--base", default="", help="the version to compare with; a commit or tag")
    parser.add_argument("--save", action="store_true", help="write docs/performance.*")
    parser.add_argument("--page", action="store_true", help="write the page anew, measure nothing")
    arguments = parser.parse_args()
    arguments.parts = [part for part in arguments.only.split(",") if part] or list(PARTS)
    if unknown := set(arguments.parts) - set(PARTS):
        parser.error(f"there is no part {', '.join(sorted(unknown))}")
    if arguments.rounds < 1 or arguments.seconds < 1:
        parser.error("at least one round of one second")
    return arguments


def measure(arguments: argparse.Namespace, base: Base, keep: Callable[[Record], None]) -> Record:
    """Measure some parts in sequence; the others go on when one fails.

    ``keep`` gets what was measured so far after each part: a run that is ended early keeps it.
    """
    record = Record()
    with set_up(base, arguments.rounds, arguments.seconds) as stage:
        record.machine = machine(stage)
        for part in arguments.parts:
            print(f"{part}:", flush=True)
            try:
                record.sections[part] = PARTS[part](stage)
            except Exception:  # whatever a part does not survive, the others do
                traceback.print_exc()
            else:
                keep(record)
    return record


def write(record: Record) -> None:
    """Write the file, the page and the picture; parts that were not measured stay as they were."""
    known = Record.read(DATA)
    record = Record(record.machine or known.machine, known.sections | record.sections)
    page = replace_numbers(PAGE.read_text(), numbers(record, PLOT))
    record.write(DATA)
    PAGE.write_text(page)
    PLOT.write_text(throughput_plot(record))


def run(arguments: argparse.Namespace) -> int:
    """Run the command; returns the exit code.

    Raises:
        WrkFailed, BrokerMissing, BrokerFailed: nothing can be measured.
    """
    if arguments.page:
        write(Record())
        return 0
    require(WRK)
    if installation() is None:
        install(print)
    keep = write if arguments.save else _nowhere
    record = measure(arguments, prepare(arguments.base or PINNED), keep)
    print(numbers(record, PLOT))
    return 0 if len(record.sections) == len(arguments.parts) else 1


def _nowhere(_: Record) -> None:
    """Keep nothing of a run that is only to be printed."""


def _interrupt(*_: object) -> NoReturn:
    raise KeyboardInterrupt


def main() -> int:
    """Read the command line and run."""
    signal.signal(signal.SIGTERM, _interrupt)  # so that what was started is ended
    try:
        return run(read_arguments())
    except (WrkFailed, BrokerMissing, BrokerFailed) as exc:
        print(exc, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
