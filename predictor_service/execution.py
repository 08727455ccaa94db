"""Where the model runs: threads, away from the event loop, so that heartbeats go on."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import msgspec
import structlog

from common.errors import MalformedRequest, ModelFailed, PredictionError
from predictor_service.models.base import Predict

log = structlog.get_logger()


class Execution:
    """``threads`` threads that run models."""

    def __init__(self, threads: int) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="model")

    async def run(self, predict: Predict, input_json: bytes, correlation_id: str) -> bytes:
        """Run a model on an input; returns its result as JSON.

        Raises:
            MalformedRequest: the input is not JSON.
            InvalidInput: the model refuses the input.
            ModelFailed: it raised, or its result is not JSON; the log has the traceback.
        """
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, _predict, predict, input_json, correlation_id)

    def abandon(self) -> None:
        """Start nothing more. A call that runs cannot be stopped and is left to itself."""
        self._pool.shutdown(wait=False, cancel_futures=True)


def _predict(predict: Predict, input_json: bytes, correlation_id: str) -> bytes:
    try:
        value = msgspec.json.decode(input_json)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
        raise MalformedRequest(f"The input is not valid JSON: {exc}.") from exc
    try:
        return msgspec.json.encode(predict(value))
    except PredictionError:
        raise
    except (Exception, SystemExit) as exc:  # its caller learns only that it failed
        log.exception("model failed", correlation_id=correlation_id)
        raise ModelFailed("The model failed on this input.") from exc
