"""The limit of file descriptors of this process: the connection of each client takes one."""

import resource
from typing import Final

import structlog

FEW: Final = 4096
"""A limit below which a burst of clients may exhaust the descriptors of a gateway."""

log = structlog.get_logger()


def raise_descriptor_limit() -> None:
    """Raise the soft limit to the hard one, and log a warning if that is low.

    Shells often set the soft limit to 1,024, for programs that call ``select``; we do not.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        soft = hard
    except (OSError, ValueError) as exc:  # macOS: beyond the limit of its kernel
        log.warning("limit of file descriptors not raised", limit=soft, reason=str(exc))
    if soft != resource.RLIM_INFINITY and soft < FEW:
        log.warning(
            "few file descriptors: each connection of a client takes one; raise the hard limit "
            "(ulimit -Hn, LimitNOFILE)",
            limit=soft,
        )
