"""The table of live predictors and of the models that they announce. No I/O.

"Service registry" in Richardson, Microservices Patterns, 2018; self-registration with a
heartbeat.
"""

import asyncio
import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from common.contract.announcement import SILENCE_S, Announcement, ModelCard
from gateway.registry.input_schema import InputSchema

ROLL_CALL_S: Final = 0.7
"""How long predictors may take to answer a roll call."""


@dataclass(frozen=True, slots=True)
class Replica:
    """One predictor as it last announced itself, at ``announced_s`` of the table's clock."""

    announcement: Announcement
    card: ModelCard
    announced_s: float


class ReplicaTable:
    """Model → the replicas that serve it, until they leave or are silent for too long.

    ``now_s`` is a monotonic clock.
    """

    def __init__(self, now_s: Callable[[], float]) -> None:
        self._now_s = now_s
        self._serving: dict[str, dict[str, Replica]] = {}
        self._cards: dict[str, ModelCard] = {}
        self._schemas: dict[str, InputSchema] = {}
        self._complete_s: float | None = None
        self._paused_since_s: float | None = None
        self._announced = asyncio.Event()

    def record(self, announcement: Announcement) -> None:
        """Record an announcement."""
        for card in announcement.models:
            self._keep(card.name, self._live(card.name))  # silent ones are forgotten
            serving = self._serving[card.name]
            if announcement.leaving:
                serving.pop(announcement.replica_id, None)
            else:
                known = self._known_card(card)
                serving[announcement.replica_id] = Replica(announcement, known, self._now_s())
            # A dict keeps the order in which its keys came, whichever announces itself again.
            newest = next(reversed(serving.values())).card if serving else None
            self._set_card(newest or self._cards.get(card.name, card))
        self._announced.set()

    def begin_listening(self) -> None:
        """Count silence from now on: announcements are consumed again, and a roll call is out.

        Before, no announcement could arrive: each replica that was live counts as heard of now.
        """
        live_by_model = {model: self._live(model) for model in self._serving}
        now_s = self._now_s()
        self._complete_s, self._paused_since_s = now_s + ROLL_CALL_S, None
        for model, live in live_by_model.items():
            self._keep(model, [dataclasses.replace(each, announced_s=now_s) for each in live])

    def stop_listening(self) -> None:
        """Stop counting silence: no announcement can arrive, so time stands still."""
        self._complete_s = None
        if self._paused_since_s is None:
            self._paused_since_s = self._now_s()

    def serving(self, model: str) -> list[Announcement]:
        """The live replicas of a model."""
        return [replica.announcement for replica in self._live(model)]

    async def none_serves(self, model: str) -> bool:
        """Tell whether it is known that no replica serves the model.

        Waits for the answers to a roll call that has just gone out, at most ``ROLL_CALL_S``.
        """
        while not self._live(model):
            if self._complete_s is None:
                return False
            remaining_s = self._complete_s - self._now_s()
            if remaining_s <= 0:
                return True
            self._announced.clear()
            try:
                async with asyncio.timeout(remaining_s):
                    await self._announced.wait()
            except TimeoutError:
                continue
        return False

    def cards(self) -> list[ModelCard]:
        """Every model that was ever announced: see ``card``."""
        return sorted(self._cards.values(), key=lambda card: card.name)

    def card(self, model: str) -> ModelCard | None:
        """A model as the newest of its replicas announces it, or None if none ever did.

        The newest is the one that was first heard of last, so that an upgrade shows one version
        at a time. When none is left, what was shown last stays.
        """
        return self._cards.get(model)

    def check_input(self, model: str, value: Any) -> bool:
        """Check an input against the schema that all live replicas of the model agree on.

        They differ during an upgrade; then, and while there are none, nothing is checked here.
        Returns whether there are any.

        Raises:
            InvalidInput: it does not fit.
        """
        card, live = self._cards.get(model), self._live(model)
        if live and all(replica.card is card for replica in live):
            self._schemas[model].check(value)
        return bool(live)

    def _known_card(self, card: ModelCard) -> ModelCard:
        """One object for all equal cards, so that comparing them costs nothing."""
        known = [replica.card for replica in self._serving[card.name].values()]
        if card.name in self._cards:
            known.append(self._cards[card.name])
        return next((each for each in known if each == card), card)

    def _set_card(self, card: ModelCard) -> None:
        if self._cards.get(card.name) is not card:
            self._cards[card.name] = card
            self._schemas[card.name] = InputSchema(card)

    def _live(self, model: str) -> list[Replica]:
        """The replicas that have announced themselves lately."""
        now_s = self._now_s() if self._paused_since_s is None else self._paused_since_s
        serving = self._serving.get(model, {}).values()
        return [replica for replica in serving if replica.announced_s >= now_s - SILENCE_S]

    def _keep(self, model: str, replicas: list[Replica]) -> None:
        self._serving[model] = {each.announcement.replica_id: each for each in replicas}
