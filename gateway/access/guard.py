"""Who may call, how often and from which pages. What is not set costs nothing."""

from datetime import UTC, datetime
from typing import Final

from quart import Quart, Response, request
from quart_cors import cors
from quart_rate_limiter import RateLimit, RateLimiter, RateLimitExceeded, limit_blueprint

from common.errors import RateLimited, Unauthorized
from common.http.error_response import CORRELATION_HEADER
from gateway.access.keys import ApiKeys
from gateway.access.rate_limit import RecentCallers
from gateway.settings import GatewaySettings, Rate
from gateway.web.errors import prediction_problem
from gateway.web.request import this_request

OPEN: Final = ("health", "docs")
"""The blueprints for the machines that watch this one, which have no key and may ask often, and
for the page of ``/docs``, which tells nothing by itself."""

METHODS: Final = ("GET", "POST", "DELETE")
EXPOSED: Final = (
    "Location",
    "Retry-After",
    "Preference-Applied",
    "Server-Timing",
    CORRELATION_HEADER,
    "RateLimit-Limit",
    "RateLimit-Remaining",
    "RateLimit-Reset",
)
"""What a page of another origin may read of an answer's head."""

PREFLIGHT_MAX_AGE_S: Final = 600


def install_access_control(app: Quart, settings: GatewaySettings) -> None:
    """Guard the routes that ``app`` has by now.

    Calls are counted before keys are looked at, so that nobody can try many. What no route takes is
    neither: it is answered in the same way whatever key it shows.
    """
    access = ApiKeys(settings.api_keys)
    if settings.rate_limit is not None:
        _limit(app, settings.rate_limit, access)
    if settings.api_keys:
        _ask_for_keys(app, access)
    if settings.cors_origins:
        cors(
            app,
            allow_origin=settings.cors_origins,
            allow_methods=METHODS,
            expose_headers=EXPOSED,
            max_age=PREFLIGHT_MAX_AGE_S,
        )


class _Limiter(RateLimiter):
    """Counts the calls of a caller together, whichever routes they ask."""

    async def _create_key(self, endpoint: str, rate_limit: RateLimit) -> str:
        return await self.key_function()


def _ask_for_keys(app: Quart, access: ApiKeys) -> None:
    @app.before_request
    async def ask_for_a_key() -> None:
        is_preflight = request.method == "OPTIONS"  # which brings no key
        if request.routing_exception or request.blueprint in OPEN or is_preflight:
            return
        name = _name(access)
        if name is None:
            raise Unauthorized
        this_request().owner = name


def _limit(app: Quart, rate: Rate, access: ApiKeys) -> None:
    async def caller() -> str:
        name = _name(access)
        return f"address {request.remote_addr}" if name is None else f"key {name}"

    async def is_preflight() -> bool:
        return request.method == "OPTIONS"

    for name, blueprint in app.blueprints.items():
        if name not in OPEN:
            limit_blueprint(blueprint, limits=[RateLimit(rate.count, rate.period)])
    _Limiter(
        app,
        key_function=caller,
        store=RecentCallers(lambda: datetime.now(UTC)),
        skip_function=is_preflight,
    )

    @app.errorhandler(RateLimitExceeded)
    async def refuse(error: RateLimitExceeded) -> Response:
        assert isinstance(error.retry_after, int)
        return prediction_problem(RateLimited(error.retry_after))


def _name(access: ApiKeys) -> str | None:
    of = this_request()
    return access.name_of(of.header("authorization") or "", of.header("x-api-key") or "")
