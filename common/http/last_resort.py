"""Answer what an application does not, because it failed."""

from contextlib import suppress
from typing import Final

import structlog
from hypercorn.typing import ASGIFramework, ASGIReceiveCallable, ASGISendCallable, Scope
from hypercorn.utils import UnexpectedMessageError

from common.errors import InternalError
from common.http.error_response import send_error
from common.telemetry.correlation import correlation_id

STATUS: Final = 500

log = structlog.get_logger()


def last_resort(app: ASGIFramework) -> ASGIFramework:
    """``app``, whose failures end in one line of the log and an answer with the id in it.

    A failure amid an answer ends the connection: its reader learns that this is not all.
    """

    async def watching(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        try:
            await app(scope, receive, send)
        except Exception:
            if scope["type"] != "http":
                raise
            log.exception(
                "unexpected failure",
                correlation_id=correlation_id(),
                method=scope["method"],
                path=scope["path"],
            )
            with suppress(UnexpectedMessageError):  # amid an answer
                await send_error(scope, send, STATUS, InternalError.code, InternalError().sentence)

    return watching
