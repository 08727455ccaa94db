"""A reply stream without a broker, whose parts a test changes."""

from collections.abc import Callable

from gateway.prediction_id import PredictionIds
from gateway.reply_stream.reply_stream import ReplyStream
from gateway.settings import GatewaySettings
from gateway.stall_detector import StallDetector
from tests.support.fakes.scripted import ScriptedLink

HALF_LIFE_S = 1800


class ScriptedReplyStream(ReplyStream):
    """A reply stream that is never attached; a test applies events to its parts.

    ``is_caught_up`` and ``read_up_to`` are the results of ``has_caught_up`` and ``position``.
    """

    def __init__(self, now_s: Callable[[], float]) -> None:
        settings = GatewaySettings(
            GATEWAY_ASYNC_DEADLINE_S=HALF_LIFE_S, GATEWAY_RESULT_TTL_S=HALF_LIFE_S
        )
        ids = PredictionIds(b"k" * 32, settings.life_s, now_s)
        super().__init__(settings, ids, ScriptedLink(), StallDetector(now_s))
        self.is_caught_up = True
        self.read_up_to = -1

    def has_caught_up(self) -> bool:
        return self.is_caught_up

    @property
    def position(self) -> int:
        return self.read_up_to
