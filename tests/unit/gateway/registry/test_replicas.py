"""Who counts as there, by a clock that the test decides."""

from collections.abc import Iterator
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
def loop() -> Iterator[ManualLoop]:
    """The time at which things are heard and awaited."""
    manual = ManualLoop()
    yield manual
    manual.close()


@pytest.fixture
def replicas(loop: ManualLoop) -> ReplicaTable:
    """An empty table."""
    return ReplicaTable(loop.time)


def there(replicas: ReplicaTable, model: str = "m") -> list[str]:
    """The ids of those that serve ``model``."""
    return sorted(each.replica_id for each in replicas.serving(model))


def test_a_replica_is_there_until_it_is_silent_for_too_long(
    loop: ManualLoop, replicas: ReplicaTable
) -> None:
    replicas.record(announcement("a"))
    loop.now_s = 5
    replicas.record(announcement("b"))
    loop.now_s = SILENCE_S
    assert there(replicas) == ["a", "b"]
    loop.now_s = SILENCE_S + 0.001
    assert there(replicas) == ["b"]
    loop.now_s = SILENCE_S + 5.001
    assert there(replicas) == []
    replicas.record(announcement("a"))
    assert there(replicas) == ["a"]


def test_each_announcement_takes_the_place_of_the_one_before(replicas: ReplicaTable) -> None:
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
    assert (there(replicas), there(replicas, "a")) == (["b"], [])
    assert [card.name for card in replicas.cards()] == ["a", "m"]
    assert replicas.card("m") == OLD
    assert replicas.card("nobody") is None


def test_who_leaves_unheard_of_makes_its_model_known_and_nobody_there(
    replicas: ReplicaTable,
) -> None:
    replicas.record(announcement("a", leaving=True))
    assert there(replicas) == []
    assert replicas.card("m") == OLD


def test_silence_while_nobody_could_be_heard_does_not_count(
    loop: ManualLoop, replicas: ReplicaTable
) -> None:
    replicas.record(announcement("a"))
    loop.now_s = SILENCE_S - 1
    replicas.stop_listening()
    loop.now_s = SILENCE_S + 60
    assert there(replicas) == ["a"]
    replicas.record(announcement("b"))
    replicas.stop_listening()
    loop.now_s += SILENCE_S + 60
    assert there(replicas) == ["a", "b"]
    replicas.record(announcement("b", leaving=True))
    replicas.begin_listening()
    assert there(replicas) == ["a"]
    loop.now_s += SILENCE_S
    assert there(replicas) == ["a"]
    loop.now_s += 0.001
    assert there(replicas) == []


def test_who_was_gone_before_nobody_could_be_heard_does_not_come_back_by_it(
    loop: ManualLoop, replicas: ReplicaTable
) -> None:
    replicas.record(announcement("a"))
    loop.now_s = SILENCE_S + 1
    replicas.stop_listening()
    replicas.begin_listening()
    assert there(replicas) == []


def refused(replicas: ReplicaTable, value: Any) -> bool:
    """Whether the gateway refuses an input of model ``m``."""
    try:
        replicas.check_input("m", value)
    except InvalidInput:
        return True
    return False


def test_an_input_is_checked_against_what_all_replicas_publish(replicas: ReplicaTable) -> None:
    assert not refused(replicas, [])
    replicas.record(announcement("a"))
    replicas.record(
        announcement("b", ModelCard(name="m", version="1", input_schema=dict(OLD.input_schema)))
    )
    assert refused(replicas, [])
    assert not refused(replicas, 1)


def test_while_replicas_disagree_nothing_is_checked_and_then_by_who_is_left(
    loop: ManualLoop, replicas: ReplicaTable
) -> None:
    """An upgrade, replica by replica; each goes on to announce itself."""
    for who in ("a", "b"):
        replicas.record(announcement(who))
    replicas.record(announcement("a", leaving=True))
    replicas.record(announcement("c", NEW))
    assert [refused(replicas, value) for value in VALUES] == [False] * 3
    replicas.record(announcement("b"))
    assert [refused(replicas, value) for value in VALUES] == [False] * 3
    replicas.record(announcement("b", leaving=True))
    replicas.record(announcement("c", NEW))
    assert [refused(replicas, value) for value in VALUES] == [True, False, True]
    assert replicas.card("m") == NEW


def test_the_version_that_leaves_does_not_come_back_by_it(replicas: ReplicaTable) -> None:
    """The new one does not have to be heard again for that."""
    replicas.record(announcement("old"))
    replicas.record(announcement("new", NEW))
    replicas.record(announcement("old", leaving=True))
    assert replicas.card("m") == NEW
    assert [refused(replicas, value) for value in VALUES] == [True, False, True]
    replicas.record(announcement("new", NEW, leaving=True))
    replicas.record(announcement("old", leaving=True))
    assert replicas.card("m") == NEW


def test_of_two_versions_that_are_there_the_one_that_came_last_is_shown(
    loop: ManualLoop, replicas: ReplicaTable
) -> None:
    for who, card in (("old", OLD), ("new", NEW), ("old", OLD), ("new", NEW), ("old", OLD)):
        replicas.record(announcement(who, card))
        assert replicas.card("m") == (OLD if loop.now_s == 0 else NEW)
        loop.now_s += 1
    replicas.record(announcement("new", NEW, leaving=True))
    assert replicas.card("m") == OLD
    assert refused(replicas, "x")
    replicas.record(announcement("new", NEW))
    assert replicas.card("m") == NEW


def test_a_version_that_falls_silent_is_shown_until_another_is_heard_again(
    loop: ManualLoop, replicas: ReplicaTable
) -> None:
    replicas.record(announcement("old"))
    replicas.record(announcement("new", NEW))
    loop.now_s = SILENCE_S + 1
    replicas.record(announcement("old"))
    assert replicas.card("m") == OLD
    assert refused(replicas, "x")


def test_when_the_last_replica_is_gone_nothing_is_checked(
    loop: ManualLoop, replicas: ReplicaTable
) -> None:
    """The next one may take other inputs."""
    replicas.record(announcement("a"))
    assert refused(replicas, [])
    loop.now_s = SILENCE_S + 1
    assert not refused(replicas, [])
