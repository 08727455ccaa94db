"""``python -m predictor_service``: settings → logs → models → serve."""

import asyncio
import os
import sys
import threading

import structlog

from common.service import end_before_start, run_service
from common.settings import BrokerSettings, read_settings
from common.telemetry.standard_streams import flush_output
from common.telemetry.tracing import Tracer
from predictor_service.app import Predictor, open_runner
from predictor_service.models.specification import parse_models
from predictor_service.settings import DemoSettings, PredictorSettings

log = structlog.get_logger()


async def _serve(stop: asyncio.Event, tracer: Tracer | None) -> bool:
    settings, broker = read_settings(PredictorSettings), read_settings(BrokerSettings)
    loading = asyncio.create_task(open_runner(settings, parse_models(settings.models)))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait((loading, stopping), return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if not loading.done():
        # A thread that loads a model cannot be stopped, and Python would wait for it. Worker
        # processes end with this one.
        log.info("ended while the models were loading")
        flush_output()
        os._exit(0)
    runner = loading.result()
    try:
        return await Predictor(settings, broker, runner, tracer).run(stop)
    finally:
        runner.abandon()


if __name__ == "__main__":
    kinds = (PredictorSettings, DemoSettings, BrokerSettings)
    exit_code = end_before_start("predictor", sys.argv[1:], kinds)
    if exit_code is None:
        exit_code = run_service("predictor", _serve)
    if any(not thread.daemon for thread in threading.enumerate()[1:]):
        # A model still runs past the drain time. Its thread cannot be stopped, and Python
        # would wait for it; the broker redelivers its request.
        flush_output()
        os._exit(exit_code)
    sys.exit(exit_code)
