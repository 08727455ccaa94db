"""The route ``/docs``: Swagger UI, from files that are installed with the gateway.

The Content Security Policy of the page allows this host alone. The page needs no API key, since a
browser's address bar cannot send one; its script asks for a key if ``/openapi.json`` needs one.
"""

from importlib.resources import files
from pathlib import Path
from typing import Final

from quart import Blueprint, Quart, Response, send_from_directory
from werkzeug.exceptions import NotFound

from gateway.web.request import this_request

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

START: Final = """async function start() {
  const refused = (await fetch("openapi.json")).status === 401;
  const key = refused ? prompt("API key") : null;
  SwaggerUIBundle({
    url: "openapi.json",
    dom_id: "#page",
    deepLinking: true,
    validatorUrl: null,
    requestInterceptor: (request) => {
      if (key) request.headers["X-API-Key"] = key;
      return request;
    },
  });
}
start();
"""
"""Without ``validatorUrl: null``, Swagger UI would send the document to another host."""

POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; connect-src 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""Content Security Policy: this host alone."""


def page_routes(app: Quart) -> Blueprint:
    """Build the blueprint of the page and its files; Quart sends these in a context of ``app``."""
    routes = Blueprint("docs", __name__)
    assets = Path(str(files("flask_swagger_ui") / "dist"))

    @routes.get("/docs")
    async def page() -> Response:
        headers = {"Content-Security-Policy": POLICY}
        return Response(PAGE, headers=headers, content_type="text/html; charset=utf-8")

    @routes.get("/docs/start.js")
    async def start() -> Response:
        return Response(START, content_type="text/javascript; charset=utf-8")

    @routes.get("/docs/<asset>")
    async def docs_asset(asset: str) -> Response:
        if asset not in ASSETS:
            raise NotFound
        async with app.request_context(this_request().quart):
            return await send_from_directory(assets, asset)

    return routes
