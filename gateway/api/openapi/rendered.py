"""The encoded document, kept until models come, change or go."""

import asyncio
from collections.abc import Iterable
from typing import Any, Final

import msgspec

from common.contract.announcement import ModelCard
from gateway.api.openapi.document import ModelPart, assemble, describe_model
from gateway.api.openapi.model_operations import describable
from gateway.api.openapi.security import AccessControl

_SLICE_BYTES: Final = 64 * 2**10
"""The bytes that are encoded before other tasks of the event loop have their turn."""


class RenderedDocument:
    """The document of a gateway as JSON; the part of each model is built once for each card."""

    def __init__(self, default_model: str, version: str, access: AccessControl) -> None:
        self._default_model = default_model
        self._version = version
        self._access = access
        self._building = asyncio.Lock()
        self._parts: dict[str, ModelPart] = {}
        self._document = b""

    async def render(self, cards: Iterable[ModelCard]) -> bytes:
        """Return the document with the models in ``cards``."""
        wanted = describable(cards)
        async with self._building:
            if not self._document or not self._has_exactly(wanted):
                self._parts = await self._parts_of(wanted)
                document = assemble(
                    list(self._parts.values()), self._default_model, self._version, self._access
                )
                self._document = msgspec.json.encode(document)
            return self._document

    def _has_exactly(self, cards: list[ModelCard]) -> bool:
        known = [part.card for part in self._parts.values()]
        return len(known) == len(cards) and all(map(_is_same, known, cards))

    async def _parts_of(self, cards: list[ModelCard]) -> dict[str, ModelPart]:
        parts: dict[str, ModelPart] = {}
        encoded_bytes = 0
        for card in cards:
            known = self._parts.get(card.name)
            if known is None or known.card is not card:
                known = _encoded(describe_model(card, self._access))
                encoded_bytes += _size_bytes(known)
            parts[card.name] = known
            if encoded_bytes >= _SLICE_BYTES:
                encoded_bytes = 0
                await asyncio.sleep(0)
        return parts


def _is_same(one: ModelCard, other: ModelCard) -> bool:
    return one is other


def _encoded(part: ModelPart) -> ModelPart:
    return ModelPart(part.card, _encoded_values(part.paths), _encoded_values(part.schemas))


def _encoded_values(values: dict[str, Any]) -> dict[str, Any]:
    return {name: msgspec.Raw(msgspec.json.encode(value)) for name, value in values.items()}


def _size_bytes(part: ModelPart) -> int:
    return sum(map(len, map(bytes, [*part.paths.values(), *part.schemas.values()])))
