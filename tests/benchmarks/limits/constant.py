"""The limit of the HTTP side: hypercorn and Quart answering a constant."""

from typing import Final

from quart import Quart, Response

ANSWER: Final = b'{"input": null, "result": 0}'

app = Quart(__name__)


@app.post("/predict")
async def predict() -> Response:
    """Respond to a call with a constant."""
    return Response(ANSWER, content_type="application/json")


@app.get("/predict/<prediction_id>")
async def look_up(prediction_id: str) -> Response:
    """Respond to a look-up with a constant."""
    return Response(ANSWER, content_type="application/json")
