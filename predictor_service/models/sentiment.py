"""Sentiment of English texts, by VADER's lexicon: ``PREDICTOR_MODEL=sentiment``."""

from importlib import metadata
from typing import Final, Literal

import msgspec
from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

POLAR: Final = 0.05
"""The compound score from which on VADER's authors call a text positive; negated, negative."""


Label = Literal["negative", "neutral", "positive"]


class Scores(msgspec.Struct):
    """``compound`` is from -1 to 1; the three others are shares of the text, together 1."""

    label: Label
    compound: float
    negative: float
    neutral: float
    positive: float


class Sentiment:
    """A model that scores English texts. VADER was made for social media (Hutto, Gilbert 2014)."""

    version = metadata.version("vaderSentiment")

    def __init__(self) -> None:
        self._analyzer = SentimentIntensityAnalyzer()

    def predict(self, text: str) -> Scores:
        """Return the scores of a text as a whole."""
        scores = self._analyzer.polarity_scores(text)
        compound = scores["compound"]
        label: Label = "neutral"
        if abs(compound) >= POLAR:
            label = "positive" if compound > 0 else "negative"
        return Scores(label, compound, scores["neg"], scores["neu"], scores["pos"])
