"""The words between the supervisor and a worker, over a socket pair that ends with either."""

from typing import Final

READY: Final = b"ready"
"""Of a worker: it has caught up and could accept connections."""

LEFT: Final = b"left"
"""Of a worker: it accepts no connections any more."""

UNUSABLE: Final = b"unusable "
"""Of a worker: the sentence that follows says why no restart would help."""

ACCEPT: Final = b"a"
"""Of the supervisor: the port is open to the worker."""

STOP: Final = b"s"
"""Of the supervisor: all workers end now."""

MAX_BYTES: Final = 65_536


def line(word: bytes, text: str = "") -> bytes:
    """Return a message of a worker: a word, and text in one line."""
    return word + " ".join(text.split()).encode() + b"\n"
