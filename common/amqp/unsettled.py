"""The deliveries of one channel that are to be acknowledged, requeued or rejected. No I/O."""

from collections.abc import Sequence


class Unsettled:
    """Their delivery tags.

    A tag that is settled twice closes the channel, so a tag that is not in here is ignored.
    """

    def __init__(self) -> None:
        self._tags: dict[int, None] = {}  # in ascending order

    def add(self, tag: int) -> None:
        """Keep the tag of a delivery."""
        self._tags[tag] = None

    def settle(self, tag: int) -> bool:
        """Settle one delivery; return False if it is settled already."""
        return self._tags.pop(tag, self) is None

    def settle_all(self, tags: Sequence[int]) -> list[tuple[int, bool]]:
        """Settle deliveries; return the acknowledgements: tags, and whether all before are meant.

        As few as possible: one serves all deliveries before which no other one is unsettled. A
        quorum queue writes each acknowledgement to its log.
        """
        done = [tag for tag in tags if self.settle(tag)]
        if len(done) < 2:
            return [(tag, False) for tag in done]
        oldest_open = next(iter(self._tags), max(done) + 1)
        together = [tag for tag in done if tag < oldest_open]
        acknowledgements = [(tag, False) for tag in done if tag > oldest_open]
        if together:
            acknowledgements.insert(0, (max(together), len(together) > 1))
        return acknowledgements

    def settle_up_to(self, tag: int) -> list[tuple[int, bool]]:
        """Settle a delivery and all before it."""
        return self.settle_all([each for each in self._tags if each <= tag])
