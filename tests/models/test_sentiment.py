"""The sentiment model: a score for how positive a text is."""

from tests.models.conftest import Serve


async def test_texts_get_their_sentiment(serve: Serve) -> None:
    http = await serve("sentiment")
    labels = {}
    for text in ("VADER is smart, handsome, and funny!", "The food was horrible.", "A table.", ""):
        answer = await http.post("/predict", json={"input": text})
        assert answer.status_code == 200, answer.text
        labels[text] = answer.json()["result"]["label"]
    assert list(labels.values()) == ["positive", "negative", "neutral", "neutral"]
    refused = await http.post("/predict", json={"input": ["not", "a", "text"]})
    assert refused.status_code == 422
    model = (await http.get("/models/sentiment")).json()
    assert model["input_schema"] == {"type": "string"}
    (scores,) = model["output_schema"]["$defs"].values()
    assert scores["properties"]["label"]["enum"] == ["negative", "neutral", "positive"]
    assert model["version"]
