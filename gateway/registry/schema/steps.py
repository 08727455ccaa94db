"""The bound on the work of one check."""

from typing import Final

MAX_STEPS: Final = 10_000
"""Subschemas that one check compares with values: some 10 ms."""

MAX_LEVELS: Final = 300
"""Subschemas that one check is inside of at once; Python's own limit is farther away."""


BULK: Final = 100
"""Names that are looked up, or classes that are compared, in the time of one step."""


class OutOfSteps(Exception):
    """The check is not finished, and will not be."""


class Steps:
    """The steps that one check has left, and the subschemas that it is inside of."""

    __slots__ = ("_left", "_levels")

    def __init__(self) -> None:
        self._left = MAX_STEPS
        self._levels = 0

    def take(self, count: int) -> None:
        """Take ``count`` steps.

        Raises:
            OutOfSteps: there are not so many left.
        """
        self._left -= count
        if self._left < 0:
            raise OutOfSteps

    def enter(self) -> None:
        """Take one step, into a subschema.

        Raises:
            OutOfSteps: there is none left, or the subschema is too many levels deep.
        """
        self._left -= 1
        self._levels += 1
        if self._left < 0 or self._levels > MAX_LEVELS:
            raise OutOfSteps

    def leave(self) -> None:
        """Return from the subschema that was entered last."""
        self._levels -= 1
