"""The index of results: prediction id → an integer of 63 bits and a sign. No I/O.

Open addressing with linear probing (Knuth, The Art of Computer Programming, volume 3, section 6.4,
algorithm L): a key and its value are neighbours in one array, without an object for either. There
is a table for each period of the ids' own time. So a table is small when it doubles, and is dropped
whole when the lives of its ids are over; no single entry is removed.

A key is a fingerprint of its id: the millisecond in the period and 52 bits, of which 32 are a keyed
hash and 20 are random. So two ids of one millisecond have the same key once in 2**52 pairs; ids of
different milliseconds never do. With 4 results in each millisecond, one look-up in
1,000,000,000,000,000 finds the value of another id. Who follows a value compares the id that is
found there: then a look-up fails, and no caller gets the result of another prediction. If the
second of the two is recorded, it counts as known, and its result is not found.
"""

from array import array
from heapq import heappop, heappush
from typing import Final

from gateway.prediction_id import PredictionId

_PERIOD_MS: Final = 512
_PERIOD_SHIFT: Final = 89
"""The bits of an id below its period: 80 that are not its time, and those of ``_PERIOD_MS``."""

_DROPPED_AT_ONCE: Final = 100
_FIRST_SLOTS: Final = 16
_MOST_FILLED: Final = 0.75
_FINGERPRINT_BITS: Final = 52
_FINGERPRINT: Final = (1 << _FINGERPRINT_BITS) - 1
_MS: Final = (_PERIOD_MS - 1) << _FINGERPRINT_BITS
_MS_SHIFT: Final = 80 - _FINGERPRINT_BITS
_OCCUPIED: Final = 1 << 62
"""A bit of every key: 0 is an empty slot."""


class ResultIndex:
    """Prediction id → value; a table is kept while one of its values is negative."""

    def __init__(self) -> None:
        self._tables: dict[int, _Table] = {}
        self._periods: list[int] = []
        """A heap of the keys of ``_tables``."""
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def find(self, prediction_id: PredictionId) -> int | None:
        """Return the value of an id; None if there is none."""
        table = self._tables.get(prediction_id >> _PERIOD_SHIFT)
        if table is None:
            return None
        key = _OCCUPIED | prediction_id >> _MS_SHIFT & _MS | prediction_id & _FINGERPRINT
        slots, last = table.slots, table.last
        place = key << 1 & last
        while found := slots[place]:
            if found == key:
                return slots[place + 1]
            place = place + 2 & last
        return None

    def add(self, prediction_id: PredictionId, value: int) -> int | None:
        """Add a value, unless the id has one: that is returned then, and stays."""
        table = self._tables.get(prediction_id >> _PERIOD_SHIFT)
        if table is None:
            period = prediction_id >> _PERIOD_SHIFT
            table = self._tables[period] = _Table()
            heappush(self._periods, period)
        key = _OCCUPIED | prediction_id >> _MS_SHIFT & _MS | prediction_id & _FINGERPRINT
        slots, last = table.slots, table.last
        place = key << 1 & last
        while found := slots[place]:
            if found == key:
                return slots[place + 1]
            place = place + 2 & last
        table.fill(place, key, value)
        self._length += 1
        return None

    def replace(self, prediction_id: PredictionId, value: int) -> None:
        """Give another value to an id that has one."""
        key = _OCCUPIED | prediction_id >> _MS_SHIFT & _MS | prediction_id & _FINGERPRINT
        table = self._tables[prediction_id >> _PERIOD_SHIFT]
        slots, last = table.slots, table.last
        place = key << 1 & last
        while slots[place] != key:
            place = place + 2 & last
        table.negative += (value < 0) - (slots[place + 1] < 0)
        slots[place + 1] = value

    def drop(self, ended_ms: float) -> None:
        """Drop tables, the oldest first, if all of their ids were minted until ``ended_ms``.

        The ids of a period are dropped once it is over, ``_DROPPED_AT_ONCE`` periods at most, and
        no more of them at a negative value.
        """
        periods = self._periods
        for _ in range(_DROPPED_AT_ONCE):
            if not periods or (periods[0] + 1) * _PERIOD_MS - 1 > ended_ms:
                return
            if self._tables[periods[0]].negative:
                return
            self._length -= self._tables.pop(heappop(periods)).used

    def count(self, ended_ms: float) -> int:
        """Return the number of values from 0 on, of ids that were minted until ``ended_ms``."""
        if not self._periods:
            return 0
        last = int(ended_ms // _PERIOD_MS)
        tables = self._tables
        return sum(
            tables[period].count(ended_ms - period * _PERIOD_MS)
            for period in range(self._periods[0], last + 1)
            if period in tables
        )


class _Table:
    """The ids of one period: slots of a key and a value each, of which a quarter stays empty.

    The search for a key is written out where it is needed: a call would take as long as the search.
    """

    __slots__ = ("last", "negative", "slots", "used")

    def __init__(self) -> None:
        self.slots = _empty(_FIRST_SLOTS)
        self.last = 2 * _FIRST_SLOTS - 1
        """The highest index of ``slots``, with all its bits set: an index is cut to it by ``&``."""
        self.used = 0
        self.negative = 0

    def fill(self, place: int, key: int, value: int) -> None:
        """Fill an empty slot, and double the slots when there are too few empty ones."""
        self.slots[place], self.slots[place + 1] = key, value
        self.used += 1
        self.negative += value < 0
        if self.used * 2 > self.last * _MOST_FILLED:
            self._grow()

    def count(self, last_ms: float) -> int:
        """Return the number of values from 0 on, of keys until that millisecond of the period."""
        if last_ms >= _PERIOD_MS - 1:
            return self.used - self.negative
        keys_end = _OCCUPIED | int(last_ms) + 1 << _FINGERPRINT_BITS
        pairs = zip(self.slots[::2], self.slots[1::2], strict=True)
        return sum(0 < key < keys_end and value >= 0 for key, value in pairs)

    def _grow(self) -> None:
        old, last = self.slots, 2 * self.last + 1
        slots = _empty(len(old))
        for key, value in zip(old[::2], old[1::2], strict=True):
            if key:
                place = key << 1 & last
                while slots[place]:
                    place = place + 2 & last
                slots[place], slots[place + 1] = key, value
        self.slots, self.last = slots, last


def _empty(slots: int) -> "array[int]":
    return array("q", bytes(16 * slots))
