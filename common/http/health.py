"""Readiness of a service: its conditions, and the body that names those which do not hold."""

from collections.abc import Callable, Mapping

import msgspec

Checks = Mapping[str, Callable[[], bool]]
"""The conditions of readiness, by the name under which one that does not hold is reported."""


def readiness(checks: Checks) -> tuple[bool, bytes]:
    """Return True if all ``checks`` hold, and the JSON of that or of the missing ones."""
    missing = [name for name, holds in checks.items() if not holds()]
    if missing:
        return False, msgspec.json.encode({"status": "not ready", "missing": missing})
    return True, b'{"status": "ready"}'
