"""What readiness takes, and how it is told."""

from collections.abc import Callable, Mapping

import msgspec

Checks = Mapping[str, Callable[[], bool]]
"""What has to hold for a service to be ready, by the name under which it is missed."""


def readiness(checks: Checks) -> tuple[bool, bytes]:
    """Whether all ``checks`` hold, and the JSON that says so or names what is missing."""
    missing = [name for name, holds in checks.items() if not holds()]
    if missing:
        return False, msgspec.json.encode({"status": "not ready", "missing": missing})
    return True, b'{"status": "ready"}'
