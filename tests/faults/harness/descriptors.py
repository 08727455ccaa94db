"""The limit of file descriptors of this process and of its children."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def descriptors_limited_to(count: int | None) -> Iterator[None]:
    """Set the soft limit to ``count``, or to the hard limit, for as long as the context lasts."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    hard = before[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard if count is None else count, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
