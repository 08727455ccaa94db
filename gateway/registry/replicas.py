"""The table of live predictors and of the models that they announce. No I/O.

"Service registry" in Richardson, Microservices Patterns, 2018; self-registration with a
heartbeat.
"""

import asyncio
import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from common.contract.announcement import ANNOUNCE_EVERY_S, SILENCE_S, Announcement, ModelCard
from common.errors import MalformedRequest
from gateway.registry.known_models import KnownModels

MAX_REPLICAS: Final = 1_000
MAX_VERSIONS: Final = 8
"""Replicas of one model that are known, and different cards that they have for it."""

ROLL_CALL_S: Final = 0.7
"""Time that predictors have for announcing themselves after a roll call."""

LEAVING_S: Final = ANNOUNCE_EVERY_S + 2.0
"""Time for which a replica counts as leaving: while it drains, it announces that again."""


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
        self._left_s: dict[str, dict[str, float]] = {}
        """Model → leaving replica → the time of its last announcement, which repeats that."""
        self._models = KnownModels(now_s, self._forget)
        self._complete_s: float | None = None
        self._paused_since_s: float | None = None
        self._announced = asyncio.Event()

    def record(self, announcement: Announcement) -> None:
        """Record an announcement with its models.

        Raises:
            MalformedRequest: there is no room for one of them; those before it are recorded.
        """
        for card in announcement.models:
            self.record_model(announcement, card)

    def record_model(self, announcement: Announcement, card: ModelCard) -> None:
        """Record one model of an announcement.

        Raises:
            MalformedRequest: there is no room for it; nothing has changed.
        """
        serving = {each.announcement.replica_id: each for each in self._live(card.name)}
        if announcement.leaving:
            serving.pop(announcement.replica_id, None)
        else:
            known = self._known_card(card)
            serving[announcement.replica_id] = Replica(announcement, known, self._now_s())
            _check_room(serving)
        # The last key is the newest replica: announcing itself again moves no key of a dict.
        newest = next(reversed(serving.values())).card if serving else None
        self._models.announced(newest or self._models.card(card.name) or card)
        self._serving[card.name] = serving
        left_s = self._left_s[card.name] = self._leaving(card.name)
        if announcement.leaving and len(left_s) < MAX_REPLICAS:
            left_s[announcement.replica_id] = self._now_s()
        self._announced.set()

    def begin_listening(self) -> None:
        """Measure silence from now on: announcements are consumed, and a roll call is published.

        No announcement could arrive before, so each live replica counts as announced now.
        """
        live_by_model = {model: self._live(model) for model in self._serving}
        now_s = self._now_s()
        self._complete_s, self._paused_since_s = now_s + ROLL_CALL_S, None
        for model, live in live_by_model.items():
            self._keep(model, [dataclasses.replace(each, announced_s=now_s) for each in live])

    def stop_listening(self) -> None:
        """Stop measuring silence: no announcement can arrive from now on."""
        self._complete_s = None
        if self._paused_since_s is None:
            self._paused_since_s = self._now_s()

    def serving(self, model: str) -> list[Announcement]:
        """Return the live replicas of a model."""
        return [replica.announcement for replica in self._live(model)]

    def is_complete(self) -> bool:
        """Return whether every live predictor has had the time to announce itself."""
        return self._complete_s is not None and self._now_s() >= self._complete_s

    def leaving(self, model: str) -> int:
        """Return how many replicas of a model are leaving, and may still run requests."""
        return len(self._leaving(model))

    def last_left_s(self, model: str) -> float:
        """Return when a leaving replica last announced that, on the table's clock; -inf: none."""
        return max(self._leaving(model).values(), default=float("-inf"))

    async def none_serves(self, model: str) -> bool:
        """Return whether it is certain that no replica serves the model.

        Waits for announcements after a roll call, until ``ROLL_CALL_S`` seconds after it.
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
        """Return every model that was announced within a day: see ``card``."""
        return self._models.cards()

    def card(self, model: str) -> ModelCard | None:
        """Return a model as its newest replica announces it; None if none did within a day.

        The newest replica is the one whose first announcement is the latest, so that an upgrade
        shows one version at a time. When no replica is left, the last card stays.
        """
        return self._models.card(model)

    def check_input(self, model: str, value: Any) -> bool:
        """Check an input against the schema that all live replicas of the model agree on.

        While the replicas differ, during an upgrade, and without any, no input is checked here.
        Returns whether there are live replicas.

        Raises:
            InvalidInput: the input does not fit.
        """
        live, schema = self._live(model), self._models.schema(model)
        if live and schema is not None and all(each.card is schema.card for each in live):
            schema.check(value)
        return bool(live)

    def _known_card(self, card: ModelCard) -> ModelCard:
        """Return the known card that equals ``card``, so that equal cards are one object."""
        known = [replica.card for replica in self._serving.get(card.name, {}).values()]
        shown = self._models.card(card.name)
        known += [] if shown is None else [shown]
        different = {id(each): each for each in known}  # replicas are many, their cards few
        if id(card) in different:
            return card
        return next((each for each in different.values() if each == card), card)

    def _forget(self, model: str) -> None:
        self._serving.pop(model, None)
        self._left_s.pop(model, None)

    def _leaving(self, model: str) -> dict[str, float]:
        since_s = self._now_s() - LEAVING_S
        left_s = self._left_s.get(model, {})
        return {replica_id: at_s for replica_id, at_s in left_s.items() if at_s >= since_s}

    def _live(self, model: str) -> list[Replica]:
        """Return the replicas whose last announcement is recent."""
        now_s = self._now_s() if self._paused_since_s is None else self._paused_since_s
        serving = self._serving.get(model, {}).values()
        return [replica for replica in serving if replica.announced_s >= now_s - SILENCE_S]

    def _keep(self, model: str, replicas: list[Replica]) -> None:
        self._serving[model] = {each.announcement.replica_id: each for each in replicas}


def _check_room(serving: dict[str, Replica]) -> None:
    if len(serving) > MAX_REPLICAS:
        raise MalformedRequest(f"The model has {MAX_REPLICAS} replicas already.")
    if len({id(replica.card) for replica in serving.values()}) > MAX_VERSIONS:
        raise MalformedRequest(f"The model's replicas have {MAX_VERSIONS} different cards already.")
