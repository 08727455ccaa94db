"""The contenders: every server of ``POST /predict``, that is ours, the limit and the peers."""

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import httpx

from predictmq.local.ports import LOOPBACK, free_port, is_open
from tests.benchmarks.program import Command, ProgramFailed, running
from tests.benchmarks.rivals import RIVALS, Rival
from tests.benchmarks.stage import Stage
from tests.benchmarks.wrk import require
from tests.support.harness.services import ROOT

START_TIMEOUT_S: Final = 60
ANSWER_TIMEOUT_S: Final = 5.0
CONSTANT: Final = "constant"
NOOP: Final = {"PREDICTOR_MODEL": "noop=tests.benchmarks.model:noop"}
QUIET: Final = {"LOG_LEVEL": "warning"}
"""Without a line for each request and each prediction: the peers write none either."""

OURS: Final = {"quorum": "ours-quorum", "classic": "ours-classic"}
"""The type of the sync lane → the name of the contender."""

LOGGED: Final = "ours-logged"
"""Ours with the quorum lane and all that it writes by default."""

BASE: Final = "base"
"""The earlier version of ours, with the quorum lane."""

TITLES: Final = {
    "ours-quorum": "PredictMQ, quorum lane",
    "ours-classic": "PredictMQ, classic lane",
    LOGGED: "PredictMQ, quorum lane, with its log",
    BASE: "PredictMQ at {base}",
    CONSTANT: "Quart answering a constant",
    **{rival.name: rival.title for rival in RIVALS.values()},
}


@dataclass(frozen=True)
class Running:
    """A contender that answers at ``url``, and its processes by role, the broker's included."""

    name: str
    url: str
    pids: dict[str, int]
    vhost: str = ""


@contextmanager
def contender(stage: Stage, name: str) -> Iterator[Running]:
    """Start a contender and wait until it answers; it ends with the context.

    Raises:
        ProgramFailed, WrkFailed, AssertionError: it cannot be started; the text says why.
    """
    if name in RIVALS:
        opened = _rival(stage, RIVALS[name])
    elif name == CONSTANT:
        opened = _constant(stage)
    else:
        opened = _ours(stage, name)
    with opened as ready:
        yield ready


@contextmanager
def _ours(stage: Stage, name: str) -> Iterator[Running]:
    """Start a gateway and a predictor, of this version or the base, which differ in nothing else.

    The base has a copy of the model of its own.
    """
    base = stage.base
    if name == BASE and base.missing:
        raise ProgramFailed(base.missing)
    python, directory = (base.python, base.directory) if name == BASE else (sys.executable, ROOT)
    vhost, port = stage.new_vhost(), free_port()
    environment = stage.login(vhost) | NOOP | ({} if name == LOGGED else QUIET)
    environment |= {
        "DEFAULT_MODEL": "noop",
        "GATEWAY_BIND": f"{LOOPBACK}:{port}",
        "PREDICTOR_HEALTH_BIND": f"{LOOPBACK}:{free_port()}",
        "RABBITMQ_SYNC_QUEUE_TYPE": "classic" if name == OURS["classic"] else "quorum",
    }
    commands = [
        Command(role, (str(python), "-m", module), directory, environment)
        for role, module in (("gateway", "gateway"), ("predictor", "predictor_service"))
    ]
    url = f"http://{LOOPBACK}:{port}"
    with _programs(stage, commands, partial(_answers, url)) as pids:
        yield Running(name, url, pids | {"broker": stage.broker.pid}, vhost)


@contextmanager
def _constant(stage: Stage) -> Iterator[Running]:
    port = free_port()
    programs = Path(sys.executable).parent
    bind = ("--bind", f"{LOOPBACK}:{port}")
    options = ("--workers", "1", "--worker-class", "uvloop", *bind)
    arguments = (str(programs / "hypercorn"), *options, "tests.benchmarks.limits.constant:app")
    url = f"http://{LOOPBACK}:{port}"
    with _programs(stage, [Command("gateway", arguments, ROOT)], partial(_answers, url)) as pids:
        yield Running(CONSTANT, url, pids)


@contextmanager
def _rival(stage: Stage, rival: Rival) -> Iterator[Running]:
    if not rival.is_installed:
        raise ProgramFailed("it could not be installed for this Python")
    vhost, port, redis_port = stage.new_vhost(), free_port(), free_port()
    environment = {
        "PEER_PORT": str(port),
        "PEER_AMQP_URL": stage.amqp_url(vhost),
        "PEER_REDIS_URL": f"redis://{LOOPBACK}:{redis_port}/0",
        "BENTOML_HOME": str(stage.new_directory()),
        "BENTOML_DO_NOT_TRACK": "True",
    }
    *others, server = [
        Command(role, (str(rival.programs / program), *rest), rival.folder, environment)
        for role, (program, *rest) in rival.roles(port).items()
    ]
    url = f"http://{LOOPBACK}:{port}"
    pids: dict[str, int] = {}
    with ExitStack() as stack:
        if rival.uses_redis:
            pids |= stack.enter_context(_redis(stage, redis_port))
        # First the predictor: some clients wait long for an answer to what nobody has got.
        consumes = partial(stage.has_consumer, vhost)
        pids |= stack.enter_context(_programs(stage, others, consumes))
        pids |= stack.enter_context(_programs(stage, [server], partial(_answers, url)))
        yield Running(rival.name, url, pids | ({"broker": stage.broker.pid} if others else {}))


def _redis(stage: Stage, port: int) -> AbstractContextManager[dict[str, int]]:
    """Start a Redis that keeps nothing on disk."""
    options = ("--bind", LOOPBACK, "--port", str(port), "--save", "", "--appendonly", "no")
    command = Command("redis", (require("redis-server"), *options), stage.new_directory())
    return _programs(stage, [command], partial(is_open, LOOPBACK, port))


@contextmanager
def _programs(
    stage: Stage, commands: list[Command], is_ready: Callable[[], bool]
) -> Iterator[dict[str, int]]:
    """Start programs and wait until they are ready; yields their processes by role."""
    with running(commands, stage.new_directory()) as programs:
        for program in programs:
            program.wait_until(is_ready, START_TIMEOUT_S)
        yield {program.role: program.pid for program in programs}


def _answers(url: str) -> bool:
    """Return whether a call gets the response that ours would give."""
    with suppress(httpx.TransportError):
        answer = httpx.post(
            f"{url}/predict", json={"input": None}, timeout=ANSWER_TIMEOUT_S, trust_env=False
        )
        return answer.is_success and answer.json() == {"input": None, "result": 0}
    return False
