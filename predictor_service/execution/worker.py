"""A worker process as the predictor sees it: a copy of the models behind a pipe.

Spawned, not forked: a fork would copy the locks of the predictor's threads and the broker's
sockets. ``worker_process.py`` is the other end.
"""

import multiprocessing
import time
from collections.abc import Sequence
from typing import Final

import msgspec

from common.contract.announcement import ModelCard
from common.errors import Misconfigured
from common.telemetry.standard_streams import count_dropped
from predictor_service.execution.invocation import ModelInput, OnProgress, Outcome
from predictor_service.execution.worker_messages import (
    BEGUN,
    LOADED,
    RUN_ANSWER,
    ReportedProgress,
    RunInputs,
    from_wire,
)
from predictor_service.execution.worker_process import run_worker
from predictor_service.models.specification import Specification

LOAD_TIMEOUT_S: Final = 600.0
"""The longest time that the models may take to load."""

CHECK_S: Final = 0.25
"""The time between two looks at whether a silent process is alive: a process that its model has
forked may hold its end of the pipe open, so that the pipe does not show its end."""

_SPAWN: Final = multiprocessing.get_context("spawn")


class WorkerGone(Exception):
    """The process had ended before it began with the inputs, which have not been run."""


class WorkerDied(Exception):
    """The process ended while it ran the inputs."""


class WorkerOverdue(Exception):
    """The process did not answer in time, and still runs."""


class Worker:
    """One worker process. All methods but ``stop`` block; one thread at a time may call ``run``."""

    def __init__(self, specifications: Sequence[Specification]) -> None:
        self._pipe, other_end = _SPAWN.Pipe()
        self._process = _SPAWN.Process(target=run_worker, args=(other_end, tuple(specifications)))
        self._process.start()
        self._dropped_lines = 0
        other_end.close()  # the process has its own: the pipe shows its end once ours is closed

    def loaded(self) -> tuple[ModelCard, ...]:
        """Wait until the models are loaded, and return their cards.

        Raises:
            Misconfigured: one cannot be loaded.
        """
        try:
            loaded = LOADED.decode(self._receive(LOAD_TIMEOUT_S))
        except (WorkerDied, WorkerOverdue) as exc:
            raise Misconfigured(f"The models cannot be loaded: {exc}") from exc
        if loaded.error is not None:
            raise Misconfigured(loaded.error)
        return loaded.cards

    def run(
        self, model: str, inputs: Sequence[ModelInput], timeout_s: float, on_progress: OnProgress
    ) -> list[Outcome]:
        """Run a model on the inputs and return its outcomes, as ``invoke`` does.

        Raises:
            WorkerGone: the process had ended before.
            WorkerDied: the process ended while it ran the inputs.
            WorkerOverdue: no answer within ``timeout_s`` seconds.
        """
        try:
            self._pipe.send_bytes(msgspec.msgpack.encode(RunInputs(model, list(inputs))))
            begun = BEGUN.decode(self._receive(timeout_s))
        except (OSError, WorkerDied) as exc:
            raise WorkerGone(self._how_it_ended()) from exc
        count_dropped(begun.dropped_lines - self._dropped_lines)
        self._dropped_lines = begun.dropped_lines
        end_s = time.monotonic() + timeout_s
        answer = RUN_ANSWER.decode(self._receive(timeout_s))
        while isinstance(answer, ReportedProgress):
            on_progress(answer.correlation_id, answer.progress)
            answer = RUN_ANSWER.decode(self._receive(max(0.0, end_s - time.monotonic())))
        return list(map(from_wire, answer))

    def stop(self) -> None:
        """End the process without waiting for its end; ``run`` raises ``WorkerDied``."""
        self._process.kill()

    def kill(self) -> None:
        """End the process, in whatever state it is, and wait for its end."""
        self._process.kill()
        self._process.join()

    def _receive(self, timeout_s: float) -> bytes:
        deadline_s = time.monotonic() + timeout_s
        try:
            while not self._pipe.poll(min(CHECK_S, max(0.0, deadline_s - time.monotonic()))):
                if not self._process.is_alive() and not self._pipe.poll():
                    raise WorkerDied(self._how_it_ended())
                if time.monotonic() >= deadline_s:
                    raise WorkerOverdue(f"no answer within {timeout_s:g} s.")
            return self._pipe.recv_bytes()
        except (EOFError, OSError) as exc:
            raise WorkerDied(self._how_it_ended()) from exc

    def _how_it_ended(self) -> str:
        self._process.join(timeout=5)
        return f"the worker process ended with code {self._process.exitcode}."
