"""Models that are known, for a day, and as many as there is room for. On a manual clock."""

from typing import Any

import pytest

from common.contract.announcement import ModelCard
from common.errors import MalformedRequest
from gateway.registry.known_models import FORGET_S, MAX_CARDS_BYTES, MAX_MODELS
from gateway.registry.replicas import MAX_REPLICAS, MAX_VERSIONS, ReplicaTable
from tests.support.fakes.announcements import announcement
from tests.support.fakes.loops import ManualLoop


@pytest.fixture
def replicas(manual_loop: ManualLoop) -> ReplicaTable:
    """An empty table."""
    return ReplicaTable(manual_loop.time)


def names(replicas: ReplicaTable) -> list[str]:
    """Return the names of the known models."""
    return [card.name for card in replicas.cards()]


def card(name: str, **fields: Any) -> ModelCard:
    """Return the card of a model."""
    return ModelCard(name=name, **fields)


def test_a_model_that_nobody_has_announced_for_a_day_is_forgotten(
    manual_loop: ManualLoop, replicas: ReplicaTable
) -> None:
    replicas.record(announcement("a", card("old"), card("kept")))
    manual_loop.now_s = FORGET_S / 2
    replicas.record(announcement("a", card("kept")))
    manual_loop.now_s = FORGET_S
    assert names(replicas) == ["kept", "old"]
    manual_loop.now_s = FORGET_S + 1
    assert names(replicas) == ["kept"]
    assert replicas.card("old") is None
    assert replicas.serving("old") == []
    assert not replicas.check_input("old", 1)
    replicas.record(announcement("a", card("old")))
    assert names(replicas) == ["kept", "old"]
    assert len(replicas.serving("old")) == 1


def test_an_announcement_of_leaving_counts_as_one_for_the_day(
    manual_loop: ManualLoop, replicas: ReplicaTable
) -> None:
    replicas.record(announcement("a", card("m")))
    manual_loop.now_s = FORGET_S / 2
    replicas.record(announcement("a", card("m"), leaving=True))
    manual_loop.now_s = FORGET_S + 1
    assert names(replicas) == ["m"]


def test_models_are_known_up_to_a_number(manual_loop: ManualLoop, replicas: ReplicaTable) -> None:
    replicas.record(announcement("a", *(card(f"m{n}") for n in range(MAX_MODELS))))
    with pytest.raises(MalformedRequest, match="There are 10000 models already"):
        replicas.record(announcement("a", card("more")))
    assert len(names(replicas)) == MAX_MODELS
    assert replicas.serving("more") == []
    replicas.record(announcement("b", card("m0")))
    assert len(replicas.serving("m0")) == 2
    manual_loop.now_s = FORGET_S + 1
    replicas.record(announcement("a", card("more")))
    assert names(replicas) == ["more"]


def test_cards_are_known_up_to_a_size(replicas: ReplicaTable) -> None:
    title = "x" * (MAX_CARDS_BYTES // 4)
    for n in range(3):
        replicas.record(announcement("a", card(f"m{n}", input_schema={"title": title})))
    with pytest.raises(MalformedRequest, match="bytes already"):
        replicas.record(announcement("a", card("m3", input_schema={"title": title})))
    replicas.record(announcement("a", card("m2")))
    replicas.record(announcement("a", card("m3", input_schema={"title": title})))
    assert names(replicas) == ["m0", "m1", "m2", "m3"]


def test_a_model_has_replicas_up_to_a_number(replicas: ReplicaTable) -> None:
    for n in range(MAX_REPLICAS):
        replicas.record(announcement(f"r{n}"))
    with pytest.raises(MalformedRequest, match="1000 replicas already"):
        replicas.record(announcement("more"))
    replicas.record(announcement("r0", leaving=True))
    replicas.record(announcement("more"))
    assert len(replicas.serving("m")) == MAX_REPLICAS


def test_the_replicas_of_a_model_have_different_cards_up_to_a_number(
    replicas: ReplicaTable,
) -> None:
    for n in range(MAX_VERSIONS):
        replicas.record(announcement(f"r{n}", card("m", version=str(n))))
    with pytest.raises(MalformedRequest, match="different cards already"):
        replicas.record(announcement("more", card("m", version="more")))
    replicas.record(announcement("more", card("m", version="0")))
    replicas.record(announcement("r0", card("m", version="1")))
    replicas.record(announcement("more", card("m", version="1")))
    replicas.record(announcement("r0", card("m", version="more")))
    assert len(replicas.serving("m")) == MAX_VERSIONS + 1
