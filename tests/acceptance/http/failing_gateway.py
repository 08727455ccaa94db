"""A gateway process with a route that raises an unexpected exception."""

import asyncio
import sys

from quart import Response

from common.service import run_service
from common.settings import BrokerSettings, read_settings
from common.telemetry.tracing import Tracer
from gateway.app import Gateway
from gateway.settings import GatewaySettings
from gateway.web.app import GatewayApp


class FailingGateway(Gateway):
    """A gateway with the route ``/fails``, which raises."""

    def http_app(self) -> GatewayApp:
        app = super().http_app()

        @app.get("/fails")
        async def fails() -> Response:
            raise ZeroDivisionError("a secret of the gateway")

        return app


async def _serve(stop: asyncio.Event, tracer: Tracer | None) -> bool:
    settings, broker = read_settings(GatewaySettings), read_settings(BrokerSettings)
    await FailingGateway(settings, broker, tracer).run(stop)
    return True


if __name__ == "__main__":
    sys.exit(run_service("gateway", _serve))
