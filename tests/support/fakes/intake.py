"""What stands around the intake of a gateway that has no broker."""

from contextlib import AbstractContextManager

from common.contract.messages import Reply
from common.errors import DeadlineExceeded
from gateway.prediction_id import PredictionId
from gateway.request_reply.requestor import Order


class Body:
    """A caller's body."""

    size_bytes = 12

    async def read(self) -> bytes:
        return b'{"input": 1}'


class Silent:
    """A broker behind which nobody answers; keeps how long it was waited for."""

    def __init__(self) -> None:
        self.timeouts_s: list[float] = []

    async def call(self, order: Order, timeout_s: float) -> Reply:
        self.timeouts_s.append(timeout_s)
        raise DeadlineExceeded("The prediction was not ready in time.")

    async def submit(self, order: Order, expires_s: float, timeout_s: float) -> None:
        raise NotImplementedError

    def restore_queues(self) -> None:
        raise NotImplementedError


class NoDeadlines:
    """What a call with the configured deadline does not use."""

    def __len__(self) -> int:
        return 0

    def kept(self, prediction_id: PredictionId, after_s: float) -> AbstractContextManager[None]:
        raise NotImplementedError
