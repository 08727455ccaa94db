"""OpenTelemetry's own variables: a wrong one is a sentence that names it.

The SDK raises an exception for some. For others it logs a warning that repeats the value, such as
headers with a token, and goes on without them.
"""

import logging
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager

from common.errors import Misconfigured


@contextmanager
def refused_if_wrong() -> Iterator[None]:
    """Run a block in which the SDK reads its variables; log warnings that are about none of them.

    Raises:
        Misconfigured: the SDK cannot use a variable. The sentence does not have its value.
    """
    warnings = _Warnings()
    logger = logging.getLogger("opentelemetry")
    propagates, logger.propagate = logger.propagate, False
    logger.addHandler(warnings)
    try:
        yield
    except Misconfigured:
        raise
    except Exception as exc:  # whatever the SDK raises about a value
        raise _refusal(_named_in(str(exc)) or _variables()) from exc
    finally:
        logger.removeHandler(warnings)
        logger.propagate = propagates
    if wrong := [name for record in warnings.records for name in _named_in(record.getMessage())]:
        raise _refusal(wrong)
    for record in warnings.records:
        logger.handle(record)


class _Warnings(logging.Handler):
    """A handler that keeps the records, to be looked at before they are logged."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a record."""
        self.records.append(record)


def _variables() -> list[str]:
    """Return the names of OpenTelemetry's variables that are set."""
    return [name for name, value in os.environ.items() if name.startswith("OTEL_") and value]


def _named_in(text: str) -> list[str]:
    """Return the variables whose name or value is in a text of the SDK."""
    return [
        name
        for name in _variables()
        if name in text or re.search(rf"(?<!\w){re.escape(os.environ[name].strip())}(?!\w)", text)
    ]


def _refusal(names: list[str]) -> Misconfigured:
    which = " or ".join(dict.fromkeys(names))
    return Misconfigured(
        f"OpenTelemetry cannot use {which}: see its specification of environment variables."
    )
