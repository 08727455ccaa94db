"""Prediction ids: recognised by any gateway with the key, for their owner and their life."""

from typing import Final
from uuid import RFC_4122, UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.prediction_id import NO_OWNER, UNDISCLOSED, PredictionIds, derive_key, minted_ms, spell

LIFE_S: Final = 7200.0
NOW_S: Final = 1_700_000_000.123
MOMENTS: Final = st.floats(0, 2**48 / 1000 - 1)
KEYS: Final = st.binary(min_size=32, max_size=32)


class Clock:
    """A clock that a test sets."""

    def __init__(self, now_s: float = NOW_S) -> None:
        self.now_s = now_s

    def __call__(self) -> float:
        return self.now_s


def ids(
    key: bytes = b"k" * 32, clock: Clock | None = None, owners: tuple[str, ...] = ()
) -> PredictionIds:
    return PredictionIds(key, LIFE_S, clock or Clock(), owners)


@given(MOMENTS, KEYS)
def test_every_gateway_with_the_key_recognises_an_id_and_its_time(now_s: float, key: bytes) -> None:
    minted = ids(key, Clock(now_s)).mint()
    # Another gateway, whose clock differs: recognition does not depend on the time.
    assert ids(key, Clock(0)).recognise(spell(minted)) == minted
    assert minted_ms(minted) == int(now_s * 1000)


@given(MOMENTS, KEYS)
def test_an_id_is_a_uuid_of_version_8(now_s: float, key: bytes) -> None:
    uuid = UUID(spell(ids(key, Clock(now_s)).mint()))
    assert (uuid.version, uuid.variant) == (8, RFC_4122)


@pytest.mark.parametrize("owners", [(), ("a",)])
def test_an_undisclosed_id_is_recognised_for_no_owner(owners: tuple[str, ...]) -> None:
    gateway = ids(owners=owners)
    undisclosed = spell(gateway.mint(UNDISCLOSED))
    assert [gateway.recognise(undisclosed, owner) for owner in (*owners, NO_OWNER)] == [None] * (
        len(owners) + 1
    )
    assert gateway.recognise_any(undisclosed) is None


@given(st.integers(0, 127))
def test_an_id_with_one_bit_altered_is_refused(bit: int) -> None:
    gateway = ids()
    # A hash of 32 bits lets an altered id pass once in 4,000,000,000 times.
    assert gateway.recognise(str(UUID(int=gateway.mint() ^ (1 << bit)))) is None


@given(MOMENTS, KEYS, KEYS)
def test_an_id_of_another_secret_is_refused(now_s: float, key: bytes, other: bytes) -> None:
    if key != other:
        assert ids(other).recognise(spell(ids(key, Clock(now_s)).mint())) is None


@given(st.uuids(allow_nil=True) | st.integers(0, 2**128 - 1).map(lambda n: UUID(int=n)))
def test_a_forged_id_is_refused(forged: UUID) -> None:
    bits = forged.int & ~(0xF << 76) & ~(0b11 << 62)
    assert ids().recognise(str(forged)) is None
    assert ids().recognise(str(UUID(int=bits | 8 << 76 | 0b10 << 62))) is None


@given(st.text())
def test_a_text_that_is_no_uuid_is_no_id(text: str) -> None:
    assert ids().recognise(text) is None


def test_an_id_is_recognised_in_capitals_and_in_no_other_spelling() -> None:
    minted = ids().mint()
    text = spell(minted)
    assert ids().recognise(text.upper()) == minted
    others = [
        "{" + text + "}",
        f"urn:uuid:{text}",
        text.replace("-", ""),
        f" {text}",
        f"{text}\n",
        text.translate({ord("0") + digit: 0x660 + digit for digit in range(10)}),
    ]
    assert [ids().recognise(other) for other in others] == [None] * len(others)


def test_ids_of_one_millisecond_differ() -> None:
    gateway = ids()
    assert len({gateway.mint() for _ in range(1000)}) == 1000


def test_a_life_begins_at_the_ids_time_and_ends_on_the_millisecond() -> None:
    clock = Clock()
    gateway = ids(clock=clock)
    minted = gateway.mint()
    assert gateway.is_alive(minted)
    clock.now_s = (minted_ms(minted) - 1) / 1000 + LIFE_S
    assert gateway.is_alive(minted)
    clock.now_s = minted_ms(minted) / 1000 + LIFE_S
    assert not gateway.is_alive(minted)


@pytest.mark.parametrize("behind_s", [0.001, 1, 86_400])
def test_an_id_of_a_gateway_whose_clock_is_ahead_is_alive(behind_s: float) -> None:
    ahead, behind = ids(), ids(clock=Clock(NOW_S - behind_s))
    minted = behind.recognise(spell(ahead.mint()))
    assert minted is not None
    assert behind.is_alive(minted)


OWNERS: Final = ("alice", "bob", "alic", "lice")


@given(st.sampled_from([*OWNERS, NO_OWNER]), st.sampled_from([*OWNERS, NO_OWNER]), KEYS)
def test_an_id_is_recognised_for_its_owner_alone(owner: str, other: str, key: bytes) -> None:
    text = spell(ids(key, owners=OWNERS).mint(owner))
    found = ids(key, owners=OWNERS).recognise(text, other)
    assert (found is not None) == (owner == other)


@given(st.sampled_from([*OWNERS, NO_OWNER]), KEYS)
def test_an_id_of_any_owner_is_recognised_without_its_owner(owner: str, key: bytes) -> None:
    minted = ids(key, owners=OWNERS).mint(owner)
    assert ids(key, owners=OWNERS[::-1]).recognise_any(spell(minted)) == minted


def test_an_id_of_an_unknown_owner_is_refused() -> None:
    text = spell(ids(owners=("alice", "carol")).mint("carol"))
    assert ids(owners=("alice",)).recognise_any(text) is None


def test_an_id_without_an_owner_is_recognised_across_versions() -> None:
    text = "018bcfe5-687b-8000-8000-0000396d6c4c"
    assert ids().recognise(text) == UUID(text).int


def test_the_hash_key_depends_on_the_secret_alone() -> None:
    assert derive_key("secret") == derive_key("secret") != derive_key("Secret")
    assert len(derive_key("")) == 32
