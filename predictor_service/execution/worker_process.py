"""The code of a worker process: load the models, then run inputs that come over a pipe."""

import multiprocessing
import os
import signal
import threading
from contextlib import suppress
from multiprocessing.connection import Connection, wait

import msgspec

from common.contract.progress import Progress
from common.errors import Misconfigured
from common.settings import TelemetrySettings, read_settings
from common.telemetry.logs import configure_logs
from common.telemetry.standard_streams import dropped_lines, flush_output
from predictor_service.execution.invocation import invoke
from predictor_service.execution.worker_messages import (
    RUN_INPUTS,
    Begun,
    Loaded,
    ReportedProgress,
    RunInputs,
    to_wire,
)
from predictor_service.models.loader import Model, load_model
from predictor_service.models.specification import Specification


def run_worker(pipe: Connection, specifications: tuple[Specification, ...]) -> None:
    """Load the models, then run inputs until the pipe is closed."""
    for number in (signal.SIGINT, signal.SIGTERM):  # the predictor decides when a worker ends
        signal.signal(number, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    configure_logs("predictor", read_settings(TelemetrySettings).log_level)
    try:
        models = {each.name: load_model(each) for each in specifications}
    except Misconfigured as exc:
        pipe.send_bytes(msgspec.msgpack.encode(Loaded(error=str(exc))))
        return
    cards = tuple(model.card for model in models.values())
    pipe.send_bytes(msgspec.msgpack.encode(Loaded(cards)))
    _serve(pipe, models)


def _serve(pipe: Connection, models: dict[str, Model]) -> None:
    process_id = os.getpid()

    def send_progress(correlation_id: str, progress: Progress) -> None:
        if os.getpid() == process_id:  # not from a process that the model has forked
            with suppress(OSError):  # the predictor has ended, and this process is about to
                pipe.send_bytes(msgspec.msgpack.encode(ReportedProgress(correlation_id, progress)))

    while (work := _receive(pipe)) is not None:
        pipe.send_bytes(msgspec.msgpack.encode(Begun(dropped_lines())))
        outcomes = list(map(to_wire, invoke(models[work.model], work.inputs, send_progress)))
        if os.getpid() != process_id:  # forked by the model: only its parent may answer
            os._exit(0)
        pipe.send_bytes(msgspec.msgpack.encode(outcomes))


def _receive(pipe: Connection) -> RunInputs | None:
    """Wait for inputs; None when the predictor has closed the pipe."""
    try:
        return RUN_INPUTS.decode(pipe.recv_bytes())
    except EOFError:
        return None


def _end_with_parent() -> None:
    """End this process with its predictor, also if that is killed and a model never returns."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        flush_output()
        os._exit(1)
