"""Admission control: limits on the calls under way, and on the bytes of their bodies. No I/O."""

from types import TracebackType
from typing import Self

from common.errors import Unavailable


class Budget:
    """An amount of which at most ``limit`` is in use at once.

    ``used_up`` is the sentence of a refusal.
    """

    def __init__(self, limit: int, used_up: str) -> None:
        self._limit = limit
        self._used_up = used_up
        self.used = 0

    def check(self, amount: int) -> None:
        """Check that ``amount`` more could be taken now.

        Raises:
            Unavailable: it could not.
        """
        if self.used + amount > self._limit:
            raise Unavailable(self._used_up)

    def take(self, amount: int) -> None:
        """Take ``amount``, until it is given back.

        Raises:
            Unavailable: so much is not left; nothing is taken.
        """
        self.check(amount)
        self.used += amount

    def give_back(self, amount: int) -> None:
        """Give back ``amount`` of what was taken."""
        self.used -= amount


class Admission:
    """The calls under way and the bytes of their bodies, each with its budget."""

    def __init__(self, max_calls: int, max_bytes: int) -> None:
        self.calls = Budget(max_calls, "Too many predictions are under way; try again later.")
        self.bytes = Budget(
            max_bytes, "The bodies of the predictions under way are too large; try again later."
        )

    def admit(self, announced_bytes: int) -> "AdmittedCall":
        """Admit a call, whose body is not read yet and may never come: it has taken nothing.

        Raises:
            Unavailable: there is no room for it now.
        """
        self.calls.check(1)
        self.bytes.check(announced_bytes)
        return AdmittedCall(self)


class AdmittedCall:
    """A call that takes its part of the budgets while the context lasts."""

    def __init__(self, admission: Admission) -> None:
        self._admission = admission
        self._calls = 0
        self._bytes = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._admission.calls.give_back(self._calls)
        self._admission.bytes.give_back(self._bytes)

    def charge(self, size_bytes: int) -> None:
        """Take ``size_bytes`` for a part of the body that has arrived.

        Raises:
            Unavailable: so many bytes are not left.
        """
        self._admission.bytes.take(size_bytes)
        self._bytes += size_bytes

    def begin(self) -> None:
        """Take the place of a call under way: the body has arrived.

        Raises:
            Unavailable: there is none left.
        """
        self._admission.calls.take(1)
        self._calls = 1
