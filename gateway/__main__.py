"""The entry point: ``python -m gateway`` reads the settings and serves until it is stopped."""

import asyncio
import sys

from common.http.file_descriptors import raise_descriptor_limit
from common.service import run_service
from common.settings import BrokerSettings, read_settings
from common.telemetry.tracing import Tracer
from gateway.app import Gateway
from gateway.settings import GatewaySettings


async def _serve(stop: asyncio.Event, tracer: Tracer | None) -> bool:
    raise_descriptor_limit()
    await Gateway(read_settings(GatewaySettings), read_settings(BrokerSettings), tracer).run(stop)
    return True


if __name__ == "__main__":
    sys.exit(run_service("gateway", _serve))
