"""Contenders under load: their rates, and the cost of each of their processes."""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Final

from tests.benchmarks.contenders import Running, contender
from tests.benchmarks.program import ProgramFailed
from tests.benchmarks.sample import Sample, Section
from tests.benchmarks.stage import Stage
from tests.benchmarks.usage import cpu_s
from tests.benchmarks.wrk import Call, WrkFailed, load

WARM_UP_S: Final = 1


@contextmanager
def contenders(stage: Stage, section: Section, names: Iterable[str]) -> Iterator[list[Running]]:
    """Start the contenders that can be started; ``section`` gets the reasons of the others."""
    section.base = stage.base.commit
    with ExitStack() as stack:
        ready = []
        for name in names:
            print(f" starting {name}", flush=True)
            try:
                ready.append(stack.enter_context(contender(stage, name)))
            except (ProgramFailed, WrkFailed, AssertionError) as exc:
                section.missing[name] = str(exc).split("\n", 1)[0]
                print(f"  {name} takes no part: {section.missing[name]}", flush=True)
        yield ready


def predict_body(size_bytes: int) -> bytes:
    """Return a body of that size. It is a text, which JSON libraries read and write fastest."""
    start, end = b'{"input": "', b'"}'
    return start + b"x" * (size_bytes - len(start) - len(end)) + end


def put_under_load(
    stage: Stage, section: Section, running: Running, case: object, call: Call
) -> None:
    """Load a contender for the time of the stage, and add the sample.

    One that fails costs the run its sample and nothing more.
    """
    try:
        sample = _under_load(stage, running, call)
    except WrkFailed as exc:
        section.missing[f"{running.name} [{case}]"] = str(exc)
    else:
        section.add(running.name, case, sample)


def _under_load(stage: Stage, running: Running, call: Call) -> Sample:
    """Return rates, latencies and the processor time of each role per successful call."""
    before_s = {role: cpu_s(pid) for role, pid in running.pids.items()}
    result = load(running.url, call, stage.seconds, stage.directory)
    sample = {
        "per_s": result.per_s,
        "p50_ms": result.p50_ms,
        "p99_ms": result.p99_ms,
        "failed": float(result.failed),
    }
    for role, pid in running.pids.items():
        used_s = cpu_s(pid) - before_s[role]
        sample[f"cpu_{role}_us"] = used_s * 1e6 / max(1, result.succeeded)
    return sample


def warm_up(stage: Stage, running: Running, call: Call) -> None:
    """Let caches fill and connections open before anything counts."""
    load(running.url, call, WARM_UP_S, stage.directory)
