"""What becomes of a message that was published, told once by the broker or by its end."""

import asyncio

from common.amqp.error_mapping import in_our_words


class Confirmation(asyncio.Future[object]):
    """The broker's word on a message: that it has taken it, or an error of ``Channel.publish``.

    Never cancelled: that word still comes, and aiormq would log what comes back to nobody, body and
    all.
    """

    def set_exception(self, exception: BaseException | type[BaseException], /) -> None:
        """In our words; the first one counts."""
        if not self.done():
            raised = exception() if isinstance(exception, type) else exception
            ours = in_our_words(raised)
            if ours is not None:
                ours.__cause__ = raised
            super().set_exception(ours or raised)
