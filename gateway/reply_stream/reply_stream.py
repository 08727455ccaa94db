"""The front door of this folder: the reply stream, and the state that a gateway builds from it."""

from common.amqp.channel import Channel
from common.amqp.publisher import Publisher
from common.telemetry.tracing import Tracer
from gateway.prediction_id import PredictionIds
from gateway.reply_stream.consumer import ReplyStreamConsumer
from gateway.reply_stream.idempotency_claims import IdempotencyClaims
from gateway.reply_stream.live_events import LiveEvents
from gateway.reply_stream.projection import Projection
from gateway.reply_stream.replays import Replays
from gateway.reply_stream.result_store import ResultStore
from gateway.reply_stream.results import Results
from gateway.reply_stream.waiters import Waiters
from gateway.settings import GatewaySettings
from gateway.stall_detector import StallDetector


class ReplyStream:
    """The stream, projected into memory and read back.

    In memory are ``results``, ``claims`` and ``live_events``; ``waiters`` wait for results.
    ``store`` reads single final states back, and ``replays`` reads parts of the stream.
    """

    def __init__(
        self,
        settings: GatewaySettings,
        ids: PredictionIds,
        publisher: Publisher,
        stall_detector: StallDetector,
        tracer: Tracer | None = None,
    ) -> None:
        life_s = settings.life_s
        self.results = Results(settings.result_cache_bytes, life_s, ids.now_s)
        self.waiters = Waiters(self.results.__contains__)
        self.live_events = LiveEvents()
        self.claims = IdempotencyClaims(life_s, settings.unaccepted_life_s, ids.now_s)
        self._projection = Projection(
            ids, self.results, self.waiters, self.live_events, self.claims
        )
        self._consumer = ReplyStreamConsumer(self._projection, publisher, life_s, ids.now_s, tracer)
        self._stall_detector = stall_detector
        self.store = ResultStore(self.results, lambda: self._consumer.caught_up)
        self.replays = Replays()

    def has_caught_up(self) -> bool:
        """Return whether this gateway has read all that is in the stream."""
        return self._consumer.caught_up and not self._stall_detector.has_stalled

    @property
    def position(self) -> int:
        """The offset up to which the stream has been read; -1 before its first event."""
        return self._consumer.offset

    @property
    def ignored(self) -> int:
        """Events that were ignored: they cannot be read, or are of no prediction of ours."""
        return self._projection.ignored

    @property
    def lag_s(self) -> float:
        """Age of the newest event when it was read, in seconds."""
        return self._consumer.lag_s

    async def attach(self, channel: Channel) -> None:
        """Consume the stream on a new connection, from where the last one ended."""
        await self._consumer.attach(channel)

    def detach(self) -> None:
        """Count as not caught up: the connection is lost. The state in memory stays."""
        self._consumer.detach()

    async def attach_readers(self, store_channel: Channel, replays_channel: Channel) -> None:
        """Read back over two channels of a new connection."""
        await self.store.attach(store_channel)
        self.replays.attach(replays_channel)

    def detach_readers(self) -> None:
        """Fail reads under way: their connection is lost."""
        self.store.detach()
        self.replays.detach()

    def fall_behind(self) -> None:
        """Count as not caught up until a new marker is delivered."""
        self._consumer.fall_behind()

    async def run(self) -> None:
        """Publish markers and acknowledge deliveries, until cancelled."""
        await self._consumer.run()
