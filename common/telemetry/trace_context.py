"""W3C Trace Context in the headers of requests and of messages. No I/O.

https://www.w3.org/TR/trace-context/
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

_TRACEPARENT: Final = re.compile(
    r"(?:00(?=.{53}\Z)|(?!00|ff)[0-9a-f]{2})-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}"
    r"(?:-[!-~]{0,100})?"
)
"""Version 00, and the part of it that all later versions share."""

_MEMBER: Final = re.compile(
    r"(?P<key>[a-z0-9][a-z0-9_*/-]{0,255}|[a-z0-9][a-z0-9_*/-]{0,240}@[a-z][a-z0-9_*/-]{0,13})"
    r"=[ -+\--<>-~]{0,255}[!-+\--<>-~]"
)

MAX_MEMBERS: Final = 32
MAX_STATE_CHARS: Final = 512
"""The length of ``tracestate`` that every participant has to pass on."""


def valid_traceparent(header: str | None) -> str | None:
    """Return ``header`` if it is a valid ``traceparent``, else None: an invalid one is ignored."""
    return header if header and _TRACEPARENT.fullmatch(header) else None


def valid_tracestate(headers: Sequence[str]) -> str | None:
    """Return the ``tracestate`` headers of a request as one (RFC 9110, section 5.3).

    None if there is none, if it is malformed, or if it is longer than has to be passed on.
    """
    state = ",".join(headers)
    if len(state) > MAX_STATE_CHARS:
        return None
    members = [_MEMBER.fullmatch(text) for each in state.split(",") if (text := each.strip(" \t"))]
    keys = {member["key"] for member in members if member}
    return state if 0 < len(keys) == len(members) <= MAX_MEMBERS else None


def trace_context(headers: Mapping[str, Any]) -> dict[str, str]:
    """Return the trace context in the headers of a message; empty if there is no valid one."""
    traceparent, tracestate = headers.get("traceparent"), headers.get("tracestate")
    if not isinstance(traceparent, str) or not valid_traceparent(traceparent):
        return {}
    state = {"tracestate": tracestate} if isinstance(tracestate, str) else {}
    return {"traceparent": traceparent} | state
