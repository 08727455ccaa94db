"""``/openapi.json``, ``/docs`` and ``/asyncapi.json``: what can be asked for, and how.

``/docs`` is Swagger UI, from files that are installed with the gateway. The page asks nothing of
any other host, and its browser is told to refuse what would.
"""

from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Final

import msgspec
from quart import Blueprint, Response, send_from_directory
from werkzeug.exceptions import NotFound

from common.asyncapi import asyncapi
from common.topology import SyncQueueType
from gateway.openapi import describe
from gateway.problems import json_response
from gateway.replicas import Replicas

ASSETS: Final = ("swagger-ui.css", "swagger-ui-bundle.js", "favicon-32x32.png")

PAGE: Final = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>PredictMQ</title>
<link rel="stylesheet" href="docs/swagger-ui.css">
<link rel="icon" type="image/png" href="docs/favicon-32x32.png">
</head>
<body>
<div id="page"></div>
<script src="docs/swagger-ui-bundle.js"></script>
<script src="docs/start.js"></script>
</body>
</html>
"""

START: Final = """SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#page",
  deepLinking: true,
  validatorUrl: null,
});
"""
"""Without a validator: Swagger UI would have one on another host look at the description."""

POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; connect-src 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""Content Security Policy: this host and no other."""


def document_routes(
    replicas: Replicas, default_model: str, sync_queue_type: SyncQueueType
) -> Blueprint:
    """The routes that describe the others, and the contract behind them."""
    routes = Blueprint("documents", __name__)
    release = version("predictmq")
    contract = msgspec.json.encode(asyncapi(sync_queue_type, release))
    assets = Path(str(files("flask_swagger_ui") / "dist"))

    @routes.get("/openapi.json")
    async def openapi() -> Response:
        return json_response(
            msgspec.json.encode(describe(replicas.cards(), default_model, release))
        )

    @routes.get("/asyncapi.json")
    async def asyncapi_() -> Response:
        return json_response(contract)

    @routes.get("/docs")
    async def docs() -> Response:
        headers = {"Content-Security-Policy": POLICY}
        return Response(PAGE, headers=headers, content_type="text/html; charset=utf-8")

    @routes.get("/docs/start.js")
    async def start() -> Response:
        return Response(START, content_type="text/javascript; charset=utf-8")

    @routes.get("/docs/<asset>")
    async def docs_asset(asset: str) -> Response:
        if asset not in ASSETS:
            raise NotFound
        return await send_from_directory(assets, asset)

    return routes
