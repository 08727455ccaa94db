"""Admission control: the limits on calls and on their bytes."""

from contextlib import ExitStack
from typing import Final

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from common.errors import Unavailable
from gateway.predictions.admission import Admission

MAX_CALLS: Final = 3
MAX_BYTES: Final = 100


class AdmissionAgainstAList(RuleBasedStateMachine):
    """The admission, compared with a list of the sizes of the calls under way."""

    def __init__(self) -> None:
        super().__init__()
        self.admission = Admission(MAX_CALLS, MAX_BYTES)
        self.under_way: list[tuple[int, ExitStack]] = []

    @rule(size=st.integers(0, MAX_BYTES + 1))
    def ask(self, size: int) -> None:
        used = sum(size for size, _ in self.under_way)
        fits = len(self.under_way) < MAX_CALLS and used + size <= MAX_BYTES
        call = ExitStack()
        try:
            call.enter_context(self.admission.admit(size))
        except Unavailable:
            assert not fits
        else:
            self.under_way.append((size, call))
            assert fits

    @precondition(lambda self: self.under_way)
    @rule(which=st.integers(0, MAX_CALLS), fails=st.booleans())
    def end(self, which: int, fails: bool) -> None:
        _, call = self.under_way.pop(which % len(self.under_way))
        if not fails:
            call.close()
            return
        with pytest.raises(RuntimeError), call:
            raise RuntimeError

    @invariant()
    def counts_what_is_under_way(self) -> None:
        assert self.admission.calls == len(self.under_way)
        assert self.admission.bytes == sum(size for size, _ in self.under_way)


TestAdmissionAgainstAList = AdmissionAgainstAList.TestCase


def test_a_call_up_to_the_last_byte_is_admitted_and_one_byte_more_is_not() -> None:
    admission = Admission(MAX_CALLS, MAX_BYTES)
    with (
        admission.admit(MAX_BYTES),
        admission.admit(0),
        pytest.raises(Unavailable, match="later"),
        admission.admit(1),
    ):
        pass
    with admission.admit(MAX_BYTES):
        assert admission.calls == 1
