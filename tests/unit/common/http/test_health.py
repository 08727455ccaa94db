"""The readiness of a service, and its body."""

import json

from common.http.health import readiness


def test_conditions_that_do_not_hold_are_named() -> None:
    is_ready, body = readiness({"a": lambda: True, "b": lambda: False, "c": lambda: False})
    assert not is_ready
    assert json.loads(body) == {"status": "not ready", "missing": ["b", "c"]}


def test_a_service_is_ready_if_all_conditions_hold() -> None:
    is_ready, body = readiness({"a": lambda: True})
    assert is_ready
    assert json.loads(body) == {"status": "ready"}
