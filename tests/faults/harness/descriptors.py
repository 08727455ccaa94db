"""How many file descriptors this process, and what it starts, may have."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def descriptors_limited_to(count: int | None) -> Iterator[None]:
    """The soft limit is ``count``, or as high as it may be, for as long as the context lasts."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    hard = before[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard if count is None else count, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
