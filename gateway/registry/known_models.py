"""The models that are known, with their cards, for a day after their last announcement. No I/O."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import msgspec

from common.contract.announcement import ModelCard
from common.errors import MalformedRequest
from gateway.registry.input_schema import InputSchema

FORGET_S: Final = 24 * 3600.0
"""A model without an announcement for this time is no longer known."""

MAX_MODELS: Final = 10_000
MAX_CARDS_BYTES: Final = 64 * 2**20
"""Models that are known, and the size of all their cards as JSON."""


@dataclass(frozen=True, slots=True)
class _Known:
    card: ModelCard
    schema: InputSchema
    size_bytes: int
    announced_s: float


class KnownModels:
    """Model → its card. ``now_s`` is a monotonic clock.

    ``on_forgotten`` is called with the name of each model that is no longer known.
    """

    def __init__(self, now_s: Callable[[], float], on_forgotten: Callable[[str], None]) -> None:
        self._now_s = now_s
        self._on_forgotten = on_forgotten
        self._known: dict[str, _Known] = {}
        """In the order of their last announcements."""
        self._size_bytes = 0

    def announced(self, card: ModelCard) -> None:
        """Note an announcement of a model, which is shown with ``card`` from now on.

        Raises:
            MalformedRequest: there is no room for it; nothing has changed.
        """
        self._forget_old()
        before = self._known.get(card.name)
        if before is not None and before.card is card:
            after = _Known(card, before.schema, before.size_bytes, self._now_s())
        else:
            size_bytes = len(msgspec.json.encode(card))
            self._check_room(before, size_bytes)
            after = _Known(card, InputSchema(card), size_bytes, self._now_s())
        self._size_bytes += after.size_bytes - (before.size_bytes if before else 0)
        self._known.pop(card.name, None)
        self._known[card.name] = after

    def cards(self) -> list[ModelCard]:
        """Return the cards of all known models, by their names."""
        self._forget_old()
        return [self._known[name].card for name in sorted(self._known)]

    def card(self, model: str) -> ModelCard | None:
        """Return the card of a model; None if it is not known."""
        self._forget_old()
        return self._known[model].card if model in self._known else None

    def schema(self, model: str) -> InputSchema | None:
        """Return the schema of the inputs of a model; None if it is not known."""
        return self._known[model].schema if model in self._known else None

    def _check_room(self, before: _Known | None, size_bytes: int) -> None:
        if before is None and len(self._known) >= MAX_MODELS:
            raise MalformedRequest(f"There are {MAX_MODELS} models already.")
        others_bytes = self._size_bytes - (before.size_bytes if before else 0)
        if others_bytes + size_bytes > MAX_CARDS_BYTES:
            raise MalformedRequest(f"The cards of all models have {MAX_CARDS_BYTES} bytes already.")

    def _forget_old(self) -> None:
        oldest_s = self._now_s() - FORGET_S
        while self._known:
            name = next(iter(self._known))
            if self._known[name].announced_s >= oldest_s:
                return
            self._size_bytes -= self._known.pop(name).size_bytes
            self._on_forgotten(name)
