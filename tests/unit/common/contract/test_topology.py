"""The arguments of the queues of the contract."""

from common.contract.topology import Queue, async_queue, model_queues, shared_queues, sync_queue


def test_queues_have_the_arguments_and_bindings_of_the_contract() -> None:
    queues: dict[str, Queue] = {
        queue.name: queue for queue in shared_queues() + model_queues("m", "quorum")
    }
    lanes = {"x-queue-type": "quorum", "x-delivery-limit": 3, "x-overflow": "reject-publish"}
    assert queues[sync_queue("m")].arguments == lanes | {"x-max-length": 10_000}
    assert queues[async_queue("m")].arguments == lanes | {
        "x-max-length": 1_000_000,
        "x-dead-letter-exchange": "predictions.dead-letters",
        "x-dead-letter-strategy": "at-least-once",
    }
    assert queues["predictions.replies"].arguments == {
        "x-queue-type": "stream",
        "x-max-age": "24h",
        "x-max-length-bytes": 5_000_000_000,
        "x-stream-max-segment-size-bytes": 16_000_000,
    }
    bound = {name for name, queue in queues.items() if queue.bound_to}
    assert bound == {"predictions.parked", "predictions.replies"}
    assert model_queues("m", "classic")[0].arguments["x-queue-type"] == "classic"
