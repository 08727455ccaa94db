"""Admission control: the limits on calls and on their bodies."""

from typing import Final

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from common.errors import Unavailable
from gateway.prediction_id import NO_OWNER
from gateway.predictions.admission import Admission, AdmittedCall

MAX_CALLS: Final = 3
MAX_BYTES: Final = 100


class ListedCall:
    """A call as a list of all of them has it."""

    def __init__(self, admitted: AdmittedCall) -> None:
        self.admitted = admitted
        self.bytes = 0
        self.has_begun = False


class AdmissionAgainstAList(RuleBasedStateMachine):
    """The admission, compared with a list of the calls that it has admitted."""

    def __init__(self) -> None:
        super().__init__()
        self.admission = Admission(MAX_CALLS, MAX_BYTES)
        self.calls: list[ListedCall] = []

    @property
    def begun(self) -> int:
        return sum(call.has_begun for call in self.calls)

    @property
    def bytes(self) -> int:
        return sum(call.bytes for call in self.calls)

    @rule(announced=st.integers(0, MAX_BYTES + 1))
    def ask(self, announced: int) -> None:
        fits = self.begun < MAX_CALLS and self.bytes + announced <= MAX_BYTES
        try:
            admitted = self.admission.admit(NO_OWNER, announced)
        except Unavailable:
            assert not fits
        else:
            assert fits
            self.calls.append(ListedCall(admitted.__enter__()))

    @precondition(lambda self: self.calls)
    @rule(which=st.integers(0, 10), size=st.integers(0, MAX_BYTES + 1))
    def receive(self, which: int, size: int) -> None:
        call = self.calls[which % len(self.calls)]
        fits = self.bytes + size <= MAX_BYTES
        try:
            call.admitted.charge(size)
        except Unavailable:
            assert not fits
        else:
            assert fits
            call.bytes += size

    @precondition(lambda self: not all(call.has_begun for call in self.calls))
    @rule()
    def begin(self) -> None:
        call = next(call for call in self.calls if not call.has_begun)
        fits = self.begun < MAX_CALLS
        try:
            call.admitted.begin()
        except Unavailable:
            assert not fits
        else:
            assert fits
            call.has_begun = True

    @precondition(lambda self: self.calls)
    @rule(which=st.integers(0, 10))
    def end(self, which: int) -> None:
        self.calls.pop(which % len(self.calls)).admitted.__exit__(None, None, None)

    @invariant()
    def counts_what_is_under_way(self) -> None:
        assert self.admission.calls.used == self.begun
        assert self.admission.bytes.used == self.bytes


TestAdmissionAgainstAList = AdmissionAgainstAList.TestCase


def test_a_call_whose_body_does_not_come_takes_nothing() -> None:
    admission = Admission(MAX_CALLS, MAX_BYTES)
    waiting = [admission.admit(NO_OWNER, MAX_BYTES) for _ in range(2 * MAX_CALLS)]
    assert (admission.calls.used, admission.bytes.used) == (0, 0)
    with waiting[0] as call:
        call.charge(MAX_BYTES)
        call.begin()
        assert (admission.calls.used, admission.bytes.used) == (1, MAX_BYTES)
    assert (admission.calls.used, admission.bytes.used) == (0, 0)


def test_a_body_up_to_the_last_byte_is_taken_and_one_byte_more_is_not() -> None:
    admission = Admission(MAX_CALLS, MAX_BYTES)
    with admission.admit(NO_OWNER, 0) as one, admission.admit(NO_OWNER, 0) as other:
        one.charge(MAX_BYTES)
        with pytest.raises(Unavailable, match="bytes of bodies"):
            other.charge(1)
        with pytest.raises(Unavailable, match="bytes of bodies"):
            admission.admit(NO_OWNER, 1)


def test_a_call_beyond_the_last_place_is_refused_before_its_body_is_read_and_after() -> None:
    admission = Admission(1, MAX_BYTES)
    with admission.admit(NO_OWNER, 0) as one, admission.admit(NO_OWNER, 0) as other:
        one.begin()
        with pytest.raises(Unavailable, match="Too many predictions"):
            other.begin()
        with pytest.raises(Unavailable, match="Too many predictions"):
            admission.admit(NO_OWNER, 0)


def test_a_call_that_fails_gives_back_what_it_has_taken() -> None:
    admission = Admission(MAX_CALLS, MAX_BYTES)

    def fail() -> None:
        with admission.admit(NO_OWNER, 0) as call:
            call.charge(1)
            call.begin()
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert (admission.calls.used, admission.bytes.used) == (0, 0)
