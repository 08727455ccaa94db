"""The limit of the HTTP side: hypercorn and Quart answering a constant."""

from typing import Final

from quart import Quart, Response

ANSWER: Final = b'{"input": null, "result": 0}'

app = Quart(__name__)


@app.post("/predict")
async def predict() -> Response:
    """What a call gets."""
    return Response(ANSWER, content_type="application/json")


@app.get("/predict/<prediction_id>")
async def look_up(prediction_id: str) -> Response:
    """What a look-up gets."""
    return Response(ANSWER, content_type="application/json")
