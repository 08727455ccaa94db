"""W3C Trace Context: the two headers of a request, and those of a message. No I/O.

https://www.w3.org/TR/trace-context/
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

_TRACEPARENT: Final = re.compile(
    r"(?:00(?=.{53}\Z)|(?!00|ff)[0-9a-f]{2})-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}"
    r"(?:-[!-~]{0,100})?"
)
"""Version 00, or what it has in common with all to come."""


_MEMBER: Final = re.compile(
    r"(?P<key>[a-z0-9][a-z0-9_*/-]{0,255}|[a-z0-9][a-z0-9_*/-]{0,240}@[a-z][a-z0-9_*/-]{0,13})"
    r"=[ -+\--<>-~]{0,255}[!-+\--<>-~]"
)


MAX_MEMBERS: Final = 32


MAX_STATE_CHARS: Final = 512
"""What has to be passed on at least."""


def valid_traceparent(header: str | None) -> str | None:
    """``header`` if it is a W3C Trace Context ``traceparent``, else None (the spec: ignore it)."""
    return header if header and _TRACEPARENT.fullmatch(header) else None


def valid_tracestate(headers: Sequence[str]) -> str | None:
    """The ``tracestate`` of a request: its headers of that name as one (RFC 9110, section 5.3).

    None if there is none, or one that is malformed or longer than has to be passed on.
    """
    state = ",".join(headers)
    if len(state) > MAX_STATE_CHARS:
        return None
    members = [_MEMBER.fullmatch(text) for each in state.split(",") if (text := each.strip(" \t"))]
    keys = {member["key"] for member in members if member}
    return state if 0 < len(keys) == len(members) <= MAX_MEMBERS else None


def trace_context(headers: Mapping[str, Any]) -> dict[str, str]:
    """What a message's headers say of the trace it is part of, as W3C headers."""
    traceparent, tracestate = headers.get("traceparent"), headers.get("tracestate")
    if not isinstance(traceparent, str) or not valid_traceparent(traceparent):
        return {}
    state = {"tracestate": tracestate} if isinstance(tracestate, str) else {}
    return {"traceparent": traceparent} | state
