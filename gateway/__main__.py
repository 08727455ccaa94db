"""The entry point: ``python -m gateway`` reads the settings and serves until it is stopped.

With several workers this process is their supervisor, and each of them runs this module again.
"""

import asyncio
import sys
from collections.abc import Sequence
from functools import partial

from common.http.file_descriptors import raise_descriptor_limit
from common.service import end_before_start, run_service
from common.settings import BrokerSettings, read_settings
from common.telemetry.tracing import Tracer
from gateway.settings import GatewaySettings
from gateway.workers.supervisor import Supervisor
from gateway.workers.worker import Worker


async def _serve(worker: Worker | None, stop: asyncio.Event, tracer: Tracer | None) -> bool:
    from gateway.app import Gateway  # noqa: PLC0415 - a supervisor does without its memory

    raise_descriptor_limit()
    settings, broker = read_settings(GatewaySettings), read_settings(BrokerSettings)
    await Gateway(settings, broker, tracer, worker).run(stop)
    return True


async def _supervise(stop: asyncio.Event, _: Tracer | None) -> bool:
    return await Supervisor(read_settings(GatewaySettings)).run(stop)


def main(arguments: Sequence[str]) -> int:
    """Run a gateway, a supervisor, or the worker of a supervisor's ``arguments``."""
    worker = Worker.from_arguments(arguments)
    if worker is not None:
        serve = partial(_serve, worker)
        return run_service("gateway", serve, report=worker.report, worker=worker.number)
    code = end_before_start("gateway", arguments, (GatewaySettings, BrokerSettings))
    if code is not None:
        return code
    if read_settings(GatewaySettings).workers > 1:
        return run_service("gateway", _supervise, is_traced=False)
    return run_service("gateway", partial(_serve, None))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
