"""Assumptions of ``gateway/access`` about the inside of quart-rate-limiter."""

from quart_rate_limiter import RateLimiter
from quart_rate_limiter.store import RateLimiterStoreABC

from tests.contract.harness.signatures import signatures


def test_the_methods_that_are_overridden_have_these_signatures() -> None:
    assert signatures(RateLimiter, "_create_key") == {
        "_create_key": "async (self, endpoint, rate_limit)"
    }
    assert signatures(RateLimiterStoreABC, "get", "set", "before_serving", "after_serving") == {
        "get": "async (self, key, default)",
        "set": "async (self, key, tat)",
        "before_serving": "async (self)",
        "after_serving": "async (self)",
    }
