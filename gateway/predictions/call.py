"""A call, as it is before its checks."""

from collections.abc import Callable, Mapping
from typing import Final, Protocol

import msgspec

from gateway.prediction_id import NO_OWNER

NO_TRACE: Final[Mapping[str, str]] = {}


class Body(Protocol):
    """The body of a call, which is not read yet: ``announced_bytes`` of it, 0 if that is unknown.

    ``read`` calls ``charge`` with the size of each part, as it arrives.
    """

    @property
    def announced_bytes(self) -> int: ...
    async def read(self, charge: Callable[[int], None]) -> bytes: ...


class Call(msgspec.Struct, frozen=True):
    """One call for a prediction; ``owner`` is the name of the caller's API key.

    ``model``: None is the default model. ``trace_context``: W3C headers, to be passed on.
    ``wait_s``: seconds that the caller is ready to wait for the result; None: as long as a call may
    take. ``deadline_s``: seconds from now after which the caller has no use for the result; None:
    as configured. ``idempotency_key``: calls of one owner with the same key are one prediction (see
    ``predict_once.py``).
    """

    model: str | None
    body: Body
    trace_context: Mapping[str, str] = NO_TRACE
    owner: str = NO_OWNER
    wait_s: float | None = None
    deadline_s: float | None = None
    idempotency_key: str | None = None

    def longest_s(self, configured_s: float) -> float:
        """Return the longest wait of this caller; ``configured_s`` is the limit for all callers."""
        return shortest_s(configured_s, self.wait_s, self.deadline_s)


def shortest_s(limit_s: float, *durations_s: float | None) -> float:
    """Return the shortest of some durations, of which None is unlimited."""
    return min([limit_s, *(each for each in durations_s if each is not None)])
