"""``python -m predictor_service``: settings → logs → serve."""

import asyncio
import os
import threading

from common.service import run_service
from common.settings import BrokerSettings, read_settings
from predictor_service.app import Predictor
from predictor_service.settings import PredictorSettings


async def _serve(stop: asyncio.Event) -> None:
    await Predictor(read_settings(PredictorSettings), read_settings(BrokerSettings)).run(stop)


if __name__ == "__main__":
    run_service("predictor", _serve)
    if threading.active_count() > 1:
        # A model still runs past the drain time. Its thread cannot be stopped, and Python
        # would wait for it; its request has been given back already.
        os._exit(0)
