"""``/docs``: Swagger UI, from files that are installed with the gateway.

The page asks nothing of any other host, and its browser is told to refuse what would. It is open
to all, since nobody can type a key into an address; it asks for one where ``/openapi.json`` does.
"""

from importlib.resources import files
from pathlib import Path
from typing import Final

from quart import Blueprint, Response, send_from_directory
from werkzeug.exceptions import NotFound

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
"""Without a validator: Swagger UI would have one on another host look at the description."""

POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; connect-src 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""Content Security Policy: this host and no other."""


def page_routes() -> Blueprint:
    """The routes of the page and of what it is made of."""
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
        return await send_from_directory(assets, asset)

    return routes
