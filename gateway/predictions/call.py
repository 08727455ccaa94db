"""A prediction that a caller asks for, before it is checked."""

from collections.abc import Mapping
from typing import Final, Protocol

import msgspec

from gateway.prediction_id import NO_OWNER

NO_TRACE: Final[Mapping[str, str]] = {}


class Body(Protocol):
    """A caller's body that is not read yet; ``size_bytes`` is its upper bound."""

    @property
    def size_bytes(self) -> int: ...
    async def read(self) -> bytes: ...


class Call(msgspec.Struct, frozen=True):
    """One call; ``owner`` is the name of the key that it came with.

    ``model``: None is the default model. ``trace_context``: W3C headers, to be passed on.
    ``wait_s``: how long the caller is ready to wait for the result, in seconds; None: as long as a
    call may take. ``deadline_s``: seconds from now after which the prediction is worth nothing;
    None: as configured. ``idempotency_key``: calls of one owner with the same key are one
    prediction (see ``predict_once.py``).
    """

    model: str | None
    body: Body
    trace_context: Mapping[str, str] = NO_TRACE
    owner: str = NO_OWNER
    wait_s: float | None = None
    deadline_s: float | None = None
    idempotency_key: str | None = None

    def longest_s(self, configured_s: float) -> float:
        """Seconds that the caller waits at most, where ``configured_s`` is the limit for all."""
        return shortest_s(configured_s, self.wait_s, self.deadline_s)


def shortest_s(limit_s: float, *durations_s: float | None) -> float:
    """The smallest of some durations, of which None are unlimited."""
    return min([limit_s, *(each for each in durations_s if each is not None)])
