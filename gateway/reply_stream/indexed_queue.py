"""A queue whose items can be reached by their places, in constant time. No I/O.

``collections.deque`` walks to an item in its middle; a dict by place takes ten times the memory.
"""

from typing import Final, Generic, TypeVar

T = TypeVar("T")

_BITS: Final = 8
_IN_BLOCK: Final = (1 << _BITS) - 1


class IndexedQueue(Generic[T]):
    """A queue in blocks; places count up from 0 and are not used again."""

    def __init__(self) -> None:
        self._blocks: dict[int, list[T | None]] = {}
        self._start = 0
        self.end = 0
        """The place of the item that is appended next."""

    def __len__(self) -> int:
        return self.end - self._start

    def __getitem__(self, place: int) -> T:
        item = self._blocks[place >> _BITS][place & _IN_BLOCK]
        if item is None:
            raise IndexError(place)
        return item

    def __setitem__(self, place: int, item: T) -> None:
        self._blocks[place >> _BITS][place & _IN_BLOCK] = item

    @property
    def oldest(self) -> T:
        """The item that is removed next."""
        return self[self._start]

    def append(self, item: T) -> None:
        """Append an item, at the place ``end``."""
        if not self.end & _IN_BLOCK:
            self._blocks[self.end >> _BITS] = []
        self._blocks[self.end >> _BITS].append(item)
        self.end += 1

    def popleft(self) -> T:
        """Remove the oldest item."""
        number, at = self._start >> _BITS, self._start & _IN_BLOCK
        block = self._blocks[number]
        oldest = block[at]
        if oldest is None:
            raise IndexError(self._start)
        block[at] = None
        self._start += 1
        if at == _IN_BLOCK:
            del self._blocks[number]
        return oldest
