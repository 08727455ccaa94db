"""Announcements of predictors."""

from typing import Final

from common.contract.announcement import Announcement, ModelCard

OLD: Final = ModelCard(name="m", version="1", input_schema={"type": "integer"})


def announcement(
    replica_id: str, *cards: ModelCard, leaving: bool = False, predictions: int = 0
) -> Announcement:
    """Make the announcement of one predictor."""
    return Announcement(
        replica_id=replica_id,
        host="host",
        isolation="thread",
        concurrency=1,
        max_batch=1,
        predictions=predictions,
        models=cards or (OLD,),
        leaving=leaving,
    )
