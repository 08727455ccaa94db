"""Readiness names what is missing."""

import json

from common.http.health import readiness


def test_what_is_missing_is_named() -> None:
    is_ready, body = readiness({"a": lambda: True, "b": lambda: False, "c": lambda: False})
    assert not is_ready
    assert json.loads(body) == {"status": "not ready", "missing": ["b", "c"]}


def test_a_service_that_misses_nothing_is_ready() -> None:
    is_ready, body = readiness({"a": lambda: True})
    assert is_ready
    assert json.loads(body) == {"status": "ready"}
