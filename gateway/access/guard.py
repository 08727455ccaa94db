"""Access control in front of all routes: keys, rate limits, CORS. Unset parts cost nothing."""

import time
from typing import Final

from quart import Quart, Response, request
from quart_cors import cors

from common.errors import Unauthorized
from common.http.error_response import CORRELATION_HEADER
from gateway.access.keys import ApiKeys
from gateway.access.rate_limit import FIELDS, RateLimiter
from gateway.settings import GatewaySettings, Rate
from gateway.web.request import this_request

OPEN: Final = ("health", "docs")
"""Blueprints without access control: monitoring has no key and calls often, and the page of
``/docs`` contains no data."""

METHODS: Final = ("GET", "POST", "DELETE")
EXPOSED: Final = (
    "Location",
    "Retry-After",
    "Preference-Applied",
    "Server-Timing",
    CORRELATION_HEADER,
    *FIELDS,
)
"""Response headers that a page of another origin may read."""

PREFLIGHT_MAX_AGE_S: Final = 600


def install_access_control(app: Quart, settings: GatewaySettings) -> None:
    """Put access control in front of the routes of ``app``.

    Calls are counted before their keys are checked, so that no caller can try many keys. Calls that
    no route takes are neither counted nor checked: their response does not depend on the key.
    """
    keys = ApiKeys(settings.api_keys)
    if settings.rate_limit is not None:
        _limit_calls(app, settings.rate_limit, keys)
    if settings.api_keys:
        _require_keys(app, keys)
    if settings.cors_origins:
        cors(
            app,
            allow_origin=settings.cors_origins,
            allow_methods=METHODS,
            expose_headers=EXPOSED,
            max_age=PREFLIGHT_MAX_AGE_S,
        )


def _require_keys(app: Quart, keys: ApiKeys) -> None:
    @app.before_request
    async def require_key() -> None:
        if not _is_guarded() or request.method == "OPTIONS":  # preflights have no key
            return
        name = _key_name(keys)
        if name is None:
            raise Unauthorized
        this_request().owner = name


def _limit_calls(app: Quart, rate: Rate, keys: ApiKeys) -> None:
    limiter = RateLimiter(rate, time.monotonic_ns)

    @app.before_request
    async def count_call() -> None:
        if _is_guarded() and request.method != "OPTIONS":
            limiter.count(_caller_id(keys))

    @app.after_request
    async def add_fields(response: Response) -> Response:
        if _is_guarded():
            response.headers.update(limiter.fields(_caller_id(keys)))
        return response


def _is_guarded() -> bool:
    return request.routing_exception is None and request.blueprint not in OPEN


def _caller_id(keys: ApiKeys) -> str:
    name = _key_name(keys)
    return f"address {request.remote_addr}" if name is None else f"key {name}"


def _key_name(keys: ApiKeys) -> str | None:
    current = this_request()
    return keys.name_of(current.header("authorization") or "", current.header("x-api-key") or "")
