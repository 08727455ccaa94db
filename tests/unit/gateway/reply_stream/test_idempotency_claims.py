"""The owner of an idempotency key: the same on every gateway, whenever it read the stream."""

from typing import Final

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from common.contract.topology import CLOCK_SKEW_S
from gateway.prediction_id import PredictionId, minted_ms
from gateway.reply_stream.idempotency_claims import Claim, IdempotencyClaims

LIFE_S: Final = 2000
UNACCEPTED_LIFE_S: Final = 500
ROOM_S: Final = CLOCK_SKEW_S // 3
"""The largest error of a clock: the errors of three clocks never add up to the skew."""

KEYS: Final = [b"a", b"b"]
GATEWAYS: Final = 3


def id_of(number: int, minted_s: float) -> PredictionId:
    """Build an id as claims see it: its time is in the highest bits."""
    return PredictionId(int(minted_s * 1000) << 80 | number)


class SkewedGateway:
    """The claims of a gateway whose clock may be wrong."""

    def __init__(self, machine: "GatewaysAgree", wrong_by_s: int) -> None:
        self._machine = machine
        self._wrong_by_s = wrong_by_s
        self.claims = IdempotencyClaims(LIFE_S, UNACCEPTED_LIFE_S, self.now_s)
        self._restart()

    def now_s(self) -> float:
        return self._machine.now_s + self._wrong_by_s

    def _restart(self) -> None:
        """Read the part of the stream that may still count, by the broker's timestamps."""
        since_s = self.now_s() - LIFE_S - CLOCK_SKEW_S
        for written_s, event in self._machine.stream:
            if written_s >= since_s:
                self.read(event)

    def read(self, event: Claim | PredictionId) -> None:
        if isinstance(event, Claim):
            self.claims.add(event)
        else:
            self.claims.mark_accepted(event)

    def next_claim(self, key: bytes, number: int) -> Claim | None:
        """Return the claim that this gateway would publish if it received the key now."""
        prediction_id = id_of(number, self.now_s())
        if self.claims.find(key, prediction_id) is not None:
            return None
        return Claim(key, b"request", prediction_id)


class GatewaysAgree(RuleBasedStateMachine):
    """Gateways with clocks of their own and one stream, whose first claims all agree on."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 100_000.0
        self.stream: list[tuple[float, Claim | PredictionId]] = []
        self.gateways = [SkewedGateway(self, 0) for _ in range(GATEWAYS)]
        self.numbers = 0
        self.accepted: dict[bytes, PredictionId] = {}

    def write(self, event: Claim | PredictionId) -> None:
        self.stream.append((self.now_s, event))
        for gateway in self.gateways:
            gateway.read(event)

    @rule(
        key=st.sampled_from(KEYS),
        gateways=st.permutations(range(GATEWAYS)),
        count=st.integers(1, 3),
    )
    def claim_at_the_same_time(self, key: bytes, gateways: list[int], count: int) -> None:
        claims = []
        for which in gateways[:count]:
            self.numbers += 1
            claims.append(self.gateways[which].next_claim(key, self.numbers))
        for claim in claims:
            if claim is not None:
                self.write(claim)

    @rule(key=st.sampled_from(KEYS))
    def accept(self, key: bytes) -> None:
        owner = self.owner(self.gateways[0], key)
        if owner is not None:
            self.write(owner)
            self.accepted[key] = owner

    @rule(seconds=st.integers(1, LIFE_S))
    def wait(self, seconds: int) -> None:
        self.now_s += seconds

    @rule(which=st.integers(0, GATEWAYS - 1), wrong_by_s=st.integers(-ROOM_S, ROOM_S))
    def restart(self, which: int, wrong_by_s: int) -> None:
        self.gateways[which] = SkewedGateway(self, wrong_by_s)

    def owner(self, gateway: SkewedGateway, key: bytes) -> PredictionId | None:
        claim = gateway.claims.find(key, id_of(0, self.now_s))
        return claim.prediction_id if claim else None

    @invariant()
    def all_gateways_name_the_same_owner(self) -> None:
        for key in KEYS:
            owners = {self.owner(gateway, key) for gateway in self.gateways}
            assert len(owners) == 1, owners

    @invariant()
    def all_gateways_know_whether_it_is_accepted(self) -> None:
        for key in KEYS:
            found = [gateway.claims.find(key, id_of(0, self.now_s)) for gateway in self.gateways]
            accepted = {
                claim is not None and gateway.claims.is_accepted(claim)
                for gateway, claim in zip(self.gateways, found, strict=True)
            }
            assert len(accepted) == 1

    @invariant()
    def what_was_accepted_owns_its_key_until_its_life_is_over_by_any_clock(self) -> None:
        fastest_ms = (self.now_s + ROOM_S) * 1000
        for key, prediction_id in self.accepted.items():
            if fastest_ms < minted_ms(prediction_id) + LIFE_S * 1000:
                assert self.owner(self.gateways[0], key) == prediction_id

    def teardown(self) -> None:
        """Check that all expired claims are removed once another key is claimed."""
        self.now_s += LIFE_S + 2 * CLOCK_SKEW_S
        self.write(Claim(b"last", b"request", id_of(0, self.now_s)))
        ended = [event for _, event in self.stream[:-1] if isinstance(event, Claim)]
        for gateway in self.gateways:
            assert len(gateway.claims) == 1
            assert not any(gateway.claims.unaccepted_for_s(claim) for claim in ended)


TestGatewaysAgree = GatewaysAgree.TestCase
TestGatewaysAgree.settings = settings(max_examples=200, stateful_step_count=30)

FIRST: Final = Claim(b"a", b"request", id_of(1, 0))


@pytest.fixture
def claims() -> IdempotencyClaims:
    """A table in which one key is claimed."""
    table = IdempotencyClaims(LIFE_S, UNACCEPTED_LIFE_S, lambda: 0.0)
    table.add(FIRST)
    return table


@pytest.mark.parametrize(("is_accepted", "life_s"), [(False, UNACCEPTED_LIFE_S), (True, LIFE_S)])
def test_a_key_is_free_when_its_claim_expires_and_not_a_millisecond_earlier(
    claims: IdempotencyClaims, is_accepted: bool, life_s: int
) -> None:
    if is_accepted:
        claims.mark_accepted(FIRST.prediction_id)
    early, next_one = (Claim(b"a", b"x", id_of(2, life_s - late_s)) for late_s in (0.001, 0))
    claims.add(early)
    assert claims.find(b"a", early.prediction_id) is FIRST
    assert claims.find(b"a", next_one.prediction_id) is None
    claims.add(next_one)
    assert claims.find(b"a", next_one.prediction_id) is next_one
    assert not claims.is_accepted(next_one)


def test_a_claim_that_is_not_the_first_changes_no_owner(claims: IdempotencyClaims) -> None:
    loser = Claim(b"a", b"x", id_of(2, 1))
    claims.add(loser)
    claims.mark_accepted(loser.prediction_id)
    assert claims.find(b"a", loser.prediction_id) is FIRST
    assert not claims.is_accepted(FIRST)


def test_a_claim_that_is_delivered_twice_stays_accepted(claims: IdempotencyClaims) -> None:
    claims.mark_accepted(FIRST.prediction_id)
    claims.add(Claim(FIRST.key, FIRST.request, FIRST.prediction_id))
    assert claims.is_accepted(FIRST)


def test_a_released_key_is_free_unless_its_prediction_was_accepted(
    claims: IdempotencyClaims,
) -> None:
    claims.release(Claim(FIRST.key, FIRST.request, id_of(2, 0)))  # not the first claim
    assert claims.find(b"a", id_of(3, 1)) is FIRST
    claims.release(FIRST)
    assert claims.find(b"a", id_of(3, 1)) is None
    claims.add(FIRST)
    claims.mark_accepted(FIRST.prediction_id)
    claims.release(FIRST)
    assert claims.find(b"a", id_of(3, 1)) == FIRST


def test_claims_of_a_lost_stream_are_forgotten(claims: IdempotencyClaims) -> None:
    claims.mark_accepted(FIRST.prediction_id)
    claims.forget()
    assert claims.find(b"a", FIRST.prediction_id) is None
    assert not claims.is_accepted(FIRST)
    assert len(claims) == 0
