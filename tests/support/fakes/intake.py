"""The body and the requestor of calls at a gateway without a broker."""

from collections.abc import Callable

from common.contract.messages import Message, Reply
from common.errors import DeadlineExceeded
from gateway.request_reply.order import Order
from gateway.request_reply.requestor import Requestor


class Body:
    """The body of a call."""

    announced_bytes = 12

    async def read(self, charge: Callable[[int], None]) -> bytes:
        charge(12)
        return b'{"input": 1}'


class SilentRequestor(Requestor):
    """A requestor whose calls get no reply; it keeps their timeouts."""

    def __init__(self) -> None:
        self.timeouts_s: list[float] = []

    async def call(self, order: Order, timeout_s: float) -> Reply:
        self.timeouts_s.append(timeout_s)
        raise DeadlineExceeded("The prediction was not ready in time.")

    async def submit(self, order: Order, expires_s: float, timeout_s: float) -> None:
        raise NotImplementedError

    async def publish_event(self, event: Message, timeout_s: float) -> None:
        raise NotImplementedError

    def restore_queues(self) -> None:
        raise NotImplementedError
