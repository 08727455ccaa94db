"""Admission control: limits on what calls take, and the share that one owner can have. No I/O.

Choudhury and Hahne, Dynamic Queue Length Thresholds for Shared-Memory Packet Switches, 1998: an
owner may use at most ``ALPHA`` times what is free.
"""

from collections.abc import Collection
from types import TracebackType
from typing import Final, Self

from common.errors import Unavailable

ALPHA: Final = 4
"""One owner alone may use four fifths, and a fifth is free at once for the next one; two have four
ninths each. A larger number leaves less to others, a smaller one wastes more on owners who do not
call."""


class Budget:
    """An amount of which at most ``limit`` is in use at once.

    Each of several ``owners`` can use only its share, but for its first call. ``used_up`` is the
    sentence of a refusal; it begins with what is used up.
    """

    def __init__(self, limit: int, used_up: str, owners: Collection[str] = ()) -> None:
        self._limit = limit
        self._used_up = used_up
        self._used_by = dict.fromkeys(owners, 0) if len(owners) > 1 else None
        self.used = 0

    def check(self, owner: str, amount: int, used_by_call: int = 0) -> None:
        """Check that a call that uses ``used_by_call`` could take ``amount`` more now.

        Raises:
            Unavailable: it could not.
        """
        free = self._limit - self.used - amount
        if free < 0:
            raise Unavailable(f"{self._used_up}; try again later.")
        if self._used_by is not None:
            used = self._used_by[owner]
            if used > used_by_call and used + amount > ALPHA * free:
                raise Unavailable(f"{self._used_up} with this API key; try again later.")

    def take(self, owner: str, amount: int, used_by_call: int = 0) -> None:
        """Take ``amount``, until it is given back.

        Raises:
            Unavailable: so much is not left; nothing is taken.
        """
        self.check(owner, amount, used_by_call)
        self.used += amount
        if self._used_by is not None:
            self._used_by[owner] += amount

    def give_back(self, owner: str, amount: int) -> None:
        """Give back ``amount`` of what was taken."""
        self.used -= amount
        if self._used_by is not None:
            self._used_by[owner] -= amount


class Admission:
    """The calls under way and the bytes of their bodies, each with its budget."""

    def __init__(self, max_calls: int, max_bytes: int, owners: Collection[str] = ()) -> None:
        self.calls = Budget(max_calls, "Too many predictions are under way", owners)
        self.bytes = Budget(max_bytes, "Too many bytes of bodies are under way", owners)

    def admit(self, owner: str, announced_bytes: int) -> "AdmittedCall":
        """Admit a call, whose body is not read yet and may never come: it has taken nothing.

        Raises:
            Unavailable: there is no room for it now.
        """
        self.calls.check(owner, 1)
        self.bytes.check(owner, announced_bytes)
        return AdmittedCall(self, owner)


class AdmittedCall:
    """A call that takes its part of the budgets while the context lasts."""

    __slots__ = ("_admission", "_bytes", "_calls", "_owner")

    def __init__(self, admission: Admission, owner: str) -> None:
        self._admission = admission
        self._owner = owner
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
        self._admission.calls.give_back(self._owner, self._calls)
        self._admission.bytes.give_back(self._owner, self._bytes)

    def charge(self, size_bytes: int) -> None:
        """Take ``size_bytes`` for a part of the body that has arrived.

        Raises:
            Unavailable: so many bytes are not left.
        """
        self._admission.bytes.take(self._owner, size_bytes, self._bytes)
        self._bytes += size_bytes

    def begin(self) -> None:
        """Take the place of a call under way: the body has arrived.

        Raises:
            Unavailable: there is none left.
        """
        self._admission.calls.take(self._owner, 1)
        self._calls = 1
