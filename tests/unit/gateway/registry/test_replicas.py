"""Live replicas, on a manual clock."""

from typing import Any, Final

import pytest

from common.contract.announcement import SILENCE_S, ModelCard
from common.errors import InvalidInput
from gateway.registry.replicas import ReplicaTable
from tests.support.fakes.announcements import OLD, announcement
from tests.support.fakes.loops import ManualLoop

NEW: Final = ModelCard(name="m", version="2", input_schema={"type": "string"})

VALUES: Final[list[Any]] = [1, "x", []]


@pytest.fixture
def replicas(manual_loop: ManualLoop) -> ReplicaTable:
    """An empty table."""
    return ReplicaTable(manual_loop.time)


def live_ids(replicas: ReplicaTable, model: str = "m") -> list[str]:
    """Return the ids of the replicas that serve ``model``."""
    return sorted(each.replica_id for each in replicas.serving(model))


def test_a_replica_is_live_until_it_is_silent_for_too_long(
    manual_loop: ManualLoop, replicas: ReplicaTable
) -> None:
    replicas.record(announcement("a"))
    manual_loop.now_s = 5
    replicas.record(announcement("b"))
    manual_loop.now_s = SILENCE_S
    assert live_ids(replicas) == ["a", "b"]
    manual_loop.now_s = SILENCE_S + 0.001
    assert live_ids(replicas) == ["b"]
    manual_loop.now_s = SILENCE_S + 5.001
    assert live_ids(replicas) == []
    replicas.record(announcement("a"))
    assert live_ids(replicas) == ["a"]


def test_an_announcement_replaces_the_one_before(replicas: ReplicaTable) -> None:
    for predictions in (1, 2):
        replicas.record(announcement("a", predictions=predictions))
    assert [each.predictions for each in replicas.serving("m")] == [2]


def test_a_replica_that_leaves_is_gone_at_once_and_its_model_is_still_known(
    replicas: ReplicaTable,
) -> None:
    two = (OLD, ModelCard(name="a"))
    replicas.record(announcement("a", *two))
    replicas.record(announcement("b"))
    replicas.record(announcement("a", *two, leaving=True))
    assert (live_ids(replicas), live_ids(replicas, "a")) == (["b"], [])
    assert [card.name for card in replicas.cards()] == ["a", "m"]
    assert replicas.card("m") == OLD
    assert replicas.card("nobody") is None


def test_an_unknown_replica_that_leaves_makes_its_model_known_and_unserved(
    replicas: ReplicaTable,
) -> None:
    replicas.record(announcement("a", leaving=True))
    assert live_ids(replicas) == []
    assert replicas.card("m") == OLD


def test_silence_without_a_connection_does_not_count(
    manual_loop: ManualLoop, replicas: ReplicaTable
) -> None:
    replicas.record(announcement("a"))
    manual_loop.now_s = SILENCE_S - 1
    replicas.stop_listening()
    manual_loop.now_s = SILENCE_S + 60
    assert live_ids(replicas) == ["a"]
    replicas.record(announcement("b"))
    replicas.stop_listening()
    manual_loop.now_s += SILENCE_S + 60
    assert live_ids(replicas) == ["a", "b"]
    replicas.record(announcement("b", leaving=True))
    replicas.begin_listening()
    assert live_ids(replicas) == ["a"]
    manual_loop.now_s += SILENCE_S
    assert live_ids(replicas) == ["a"]
    manual_loop.now_s += 0.001
    assert live_ids(replicas) == []


def test_a_replica_that_was_gone_before_a_lost_connection_stays_gone(
    manual_loop: ManualLoop, replicas: ReplicaTable
) -> None:
    replicas.record(announcement("a"))
    manual_loop.now_s = SILENCE_S + 1
    replicas.stop_listening()
    replicas.begin_listening()
    assert live_ids(replicas) == []


def refused(replicas: ReplicaTable, value: Any) -> bool:
    """Return whether the gateway refuses an input of model ``m``."""
    try:
        replicas.check_input("m", value)
    except InvalidInput:
        return True
    return False


def test_an_input_is_checked_against_the_schema_of_all_replicas(replicas: ReplicaTable) -> None:
    assert not refused(replicas, [])
    replicas.record(announcement("a"))
    replicas.record(
        announcement("b", ModelCard(name="m", version="1", input_schema=dict(OLD.input_schema)))
    )
    assert refused(replicas, [])
    assert not refused(replicas, 1)


def test_an_input_is_checked_again_once_the_replicas_agree_after_an_upgrade(
    manual_loop: ManualLoop, replicas: ReplicaTable
) -> None:
    """An upgrade goes replica by replica; live ones announce themselves again."""
    for replica_id in ("a", "b"):
        replicas.record(announcement(replica_id))
    replicas.record(announcement("a", leaving=True))
    replicas.record(announcement("c", NEW))
    assert [refused(replicas, value) for value in VALUES] == [False] * 3
    replicas.record(announcement("b"))
    assert [refused(replicas, value) for value in VALUES] == [False] * 3
    replicas.record(announcement("b", leaving=True))
    replicas.record(announcement("c", NEW))
    assert [refused(replicas, value) for value in VALUES] == [True, False, True]
    assert replicas.card("m") == NEW


def test_an_old_version_is_not_shown_again_when_it_leaves(replicas: ReplicaTable) -> None:
    """The new version need not be announced again for that."""
    replicas.record(announcement("old"))
    replicas.record(announcement("new", NEW))
    replicas.record(announcement("old", leaving=True))
    assert replicas.card("m") == NEW
    assert [refused(replicas, value) for value in VALUES] == [True, False, True]
    replicas.record(announcement("new", NEW, leaving=True))
    replicas.record(announcement("old", leaving=True))
    assert replicas.card("m") == NEW


def test_the_newest_of_two_live_versions_is_shown(
    manual_loop: ManualLoop, replicas: ReplicaTable
) -> None:
    for replica_id, card in (("old", OLD), ("new", NEW), ("old", OLD), ("new", NEW), ("old", OLD)):
        replicas.record(announcement(replica_id, card))
        assert replicas.card("m") == (OLD if manual_loop.now_s == 0 else NEW)
        manual_loop.now_s += 1
    replicas.record(announcement("new", NEW, leaving=True))
    assert replicas.card("m") == OLD
    assert refused(replicas, "x")
    replicas.record(announcement("new", NEW))
    assert replicas.card("m") == NEW


def test_a_silent_version_is_shown_until_another_one_announces_itself(
    manual_loop: ManualLoop, replicas: ReplicaTable
) -> None:
    replicas.record(announcement("old"))
    replicas.record(announcement("new", NEW))
    manual_loop.now_s = SILENCE_S + 1
    replicas.record(announcement("old"))
    assert replicas.card("m") == OLD
    assert refused(replicas, "x")


def test_an_input_is_not_checked_without_a_live_replica(
    manual_loop: ManualLoop, replicas: ReplicaTable
) -> None:
    """The next replica may take other inputs."""
    replicas.record(announcement("a"))
    assert refused(replicas, [])
    manual_loop.now_s = SILENCE_S + 1
    assert not refused(replicas, [])
