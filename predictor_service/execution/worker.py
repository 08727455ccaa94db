"""One worker process: a copy of the models, asked over a pipe. Both ends of it.

Spawned, not forked: a fork would copy the service's threads' locks and the broker's sockets.
What goes over the pipe is msgpack.
"""

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from typing import Final

import msgspec

from common.contract.announcement import ModelCard
from common.contract.progress import Progress
from common.errors import BY_CODE, Misconfigured, PredictionError
from common.settings import TelemetrySettings, read_settings
from common.telemetry.logs import configure_logs
from predictor_service.execution.invocation import ModelInput, OnProgress, Outcome, invoke
from predictor_service.models.loader import load_model
from predictor_service.models.specification import Specification

LOAD_TIMEOUT_S: Final = 600.0
"""How long the models may take to load."""

CHECK_S: Final = 0.25
"""How often a process that is silent is looked at: what its model has forked may hold its end of
the pipe open, so that the pipe does not tell."""

BEGUN: Final = b""
"""What a worker says first: from then on the questions may be what ends it."""

_SPAWN: Final = multiprocessing.get_context("spawn")


class WorkerGone(Exception):
    """The process had ended before it began to answer: what it was asked has not been run."""


class WorkerDied(Exception):
    """The process ended while it ran what it was asked."""


class WorkerOverdue(Exception):
    """The process did not answer in time; it still runs."""


class _Loaded(msgspec.Struct):
    cards: tuple[ModelCard, ...] = ()
    error: str | None = None


class _Asked(msgspec.Struct):
    model: str
    questions: list[ModelInput]


class _Failure(msgspec.Struct):
    code: str
    sentence: str


_LOADED: Final = msgspec.msgpack.Decoder(_Loaded)
_ASKED: Final = msgspec.msgpack.Decoder(_Asked)


class _Told(msgspec.Struct):
    correlation_id: str
    progress: Progress


_ANSWER: Final = msgspec.msgpack.Decoder(list[bytes | _Failure] | _Told)


class Worker:
    """The service's end. All methods but ``stop`` block; one thread at a time may call ``ask``."""

    def __init__(self, specifications: Sequence[Specification]) -> None:
        self._pipe, theirs = _SPAWN.Pipe()
        self._process = _SPAWN.Process(target=_work, args=(theirs, tuple(specifications)))
        self._process.start()
        theirs.close()  # the process has its own; with ours closed too, its end is seen here

    def loaded(self) -> tuple[ModelCard, ...]:
        """Wait until the models are loaded, and describe them.

        Raises:
            Misconfigured: one cannot be loaded.
        """
        try:
            loaded = _LOADED.decode(self._answer(LOAD_TIMEOUT_S))
        except (WorkerDied, WorkerOverdue) as exc:
            raise Misconfigured(f"The models cannot be loaded: {exc}") from exc
        if loaded.error is not None:
            raise Misconfigured(loaded.error)
        return loaded.cards

    def ask(
        self, model: str, questions: Sequence[ModelInput], timeout_s: float, hear: OnProgress
    ) -> list[Outcome]:
        """Have the questions answered, one outcome for each; ``hear`` is told of progress.

        Raises:
            WorkerGone: the process had ended before.
            WorkerDied: the process ended over them.
            WorkerOverdue: no answer within ``timeout_s`` seconds.
        """
        try:
            self._pipe.send_bytes(msgspec.msgpack.encode(_Asked(model, list(questions))))
            self._answer(timeout_s)
        except (OSError, WorkerDied) as exc:
            raise WorkerGone(self._how_it_ended()) from exc
        end_s = time.monotonic() + timeout_s
        answer = _ANSWER.decode(self._answer(timeout_s))
        while isinstance(answer, _Told):
            hear(answer.correlation_id, answer.progress)
            answer = _ANSWER.decode(self._answer(max(0.0, end_s - time.monotonic())))
        return [outcome if isinstance(outcome, bytes) else _error(outcome) for outcome in answer]

    def stop(self) -> None:
        """End the process, without waiting for its end: ``ask`` raises."""
        self._process.kill()

    def kill(self) -> None:
        """End the process, whatever it is doing. Who waits for it is told by the pipe."""
        self._process.kill()
        self._process.join()

    def _answer(self, timeout_s: float) -> bytes:
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


def _error(failure: _Failure) -> PredictionError:
    return BY_CODE[failure.code](failure.sentence)


def _work(pipe: Connection, specifications: tuple[Specification, ...]) -> None:
    """The process's end: load, then answer until the pipe is closed."""
    for number in (signal.SIGINT, signal.SIGTERM):  # the service says when to end
        signal.signal(number, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    configure_logs("predictor", read_settings(TelemetrySettings).log_level)
    try:
        models = {each.name: load_model(each) for each in specifications}
    except Misconfigured as exc:
        pipe.send_bytes(msgspec.msgpack.encode(_Loaded(error=str(exc))))
        return
    cards = tuple(model.card for model in models.values())
    pipe.send_bytes(msgspec.msgpack.encode(_Loaded(cards)))
    process_id = os.getpid()

    def tell(correlation_id: str, progress: Progress) -> None:
        if os.getpid() == process_id:  # not from what the model has forked
            with suppress(OSError):  # nobody waits for the answer either
                pipe.send_bytes(msgspec.msgpack.encode(_Told(correlation_id, progress)))

    while True:
        try:
            asked = _ASKED.decode(pipe.recv_bytes())
        except EOFError:
            return
        pipe.send_bytes(BEGUN)
        outcomes = [
            outcome if isinstance(outcome, bytes) else _Failure(outcome.code, outcome.sentence)
            for outcome in invoke(models[asked.model], asked.questions, tell)
        ]
        if os.getpid() != process_id:  # forked by the model: it must not answer, too
            os._exit(0)
        pipe.send_bytes(msgspec.msgpack.encode(outcomes))


def _end_with_parent() -> None:
    """A model that never ends must not outlive a service that was killed."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
