"""Access control in front of all routes: hosts, keys, rate limits, CORS.

Unset parts cost nothing.
"""

import time
from collections.abc import Mapping
from typing import Final

from quart_cors import cors

from common.errors import Unauthorized
from common.http.error_response import CORRELATION_HEADER
from gateway.access.hosts import AllowedHosts
from gateway.access.keys import ApiKeys
from gateway.access.rate_limit import FIELDS, RateLimiter
from gateway.settings import GatewaySettings, Rate
from gateway.web.app import GatewayApp
from gateway.web.errors import MisdirectedRequest
from gateway.web.observation import QUIET
from gateway.web.request import GatewayRequest

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


def install_access_control(app: GatewayApp, settings: GatewaySettings) -> None:
    """Put access control in front of the routes of ``app``.

    Calls are counted before their keys are checked, so that no caller can try many keys. Calls that
    no route takes are neither counted nor checked: their response does not depend on the key.
    """
    keys = ApiKeys(settings.api_keys)
    if (hosts := AllowedHosts.of(settings)) is not None:
        _require_host(app, hosts)
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


def _require_host(app: GatewayApp, hosts: AllowedHosts) -> None:
    def require_host(request: GatewayRequest) -> None:
        field = request.header("host")  # none only in HTTP/1.0, which no browser speaks
        if field is None or hosts.accepts(field):
            return
        if not (request.path in QUIET and hosts.accepts_health_check(field)):
            raise MisdirectedRequest

    app.early_checks.append(require_host)


def _require_keys(app: GatewayApp, keys: ApiKeys) -> None:
    def require_key(request: GatewayRequest) -> None:
        if not _is_guarded(request) or request.method == "OPTIONS":  # preflights have no key
            return
        name = _key_name(request, keys)
        if name is None:
            raise Unauthorized
        request.owner = name

    app.checks.append(require_key)


def _limit_calls(app: GatewayApp, rate: Rate, keys: ApiKeys) -> None:
    limiter = RateLimiter(rate, time.monotonic_ns)

    def count_call(request: GatewayRequest) -> None:
        if _is_guarded(request) and request.method != "OPTIONS":
            limiter.count(_caller_id(request, keys))

    def rate_fields(request: GatewayRequest) -> Mapping[str, str]:
        return limiter.fields(_caller_id(request, keys)) if _is_guarded(request) else {}

    app.checks.append(count_call)
    app.header_sources.append(rate_fields)


def _is_guarded(request: GatewayRequest) -> bool:
    return request.route is not None and request.route.blueprint not in OPEN


def _caller_id(request: GatewayRequest, keys: ApiKeys) -> str:
    name = _key_name(request, keys)
    return f"address {request.remote_addr}" if name is None else f"key {name}"


def _key_name(request: GatewayRequest, keys: ApiKeys) -> str | None:
    return keys.name_of(request.header("authorization") or "", request.header("x-api-key") or "")
