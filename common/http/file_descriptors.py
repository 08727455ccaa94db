"""Let this process have as many file descriptors as it may: each client's connection is one."""

import resource
from typing import Final

import structlog

FEW: Final = 4096
"""Fewer than this and a burst of clients may find the gateway out of descriptors."""

log = structlog.get_logger()


def raise_descriptor_limit() -> None:
    """Raise the soft limit, which shells often set to 1,024, to the hard one; say if that is low.

    The soft limit is low for programs that call ``select``; we do not.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        soft = hard
    except (OSError, ValueError) as exc:  # macOS: not beyond what its kernel has set
        log.warning("limit of file descriptors not raised", limit=soft, reason=str(exc))
    if soft != resource.RLIM_INFINITY and soft < FEW:
        log.warning(
            "few file descriptors: each connection of a client takes one; raise the hard limit "
            "(ulimit -Hn, LimitNOFILE)",
            limit=soft,
        )
