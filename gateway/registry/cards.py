"""Cards of models, read as input: any client of the broker can announce a model."""

import re
from collections import OrderedDict
from hashlib import blake2b
from typing import Final

from common.contract.announcement import ModelCard
from common.contract.nesting import nests_deeper
from common.errors import MalformedRequest
from common.settings import MODEL_NAME
from gateway.registry.schema.wellformed import check_schema

MAX_CARD_BYTES: Final = 512 * 2**10
"""The largest card, with both its schemas."""

MAX_DEPTH: Final = 100
"""The deepest nesting of arrays and objects in a card: that of an input, and some keywords."""

_MAX_REMEMBERED: Final = 20_000
MAX_REMEMBERED_BYTES: Final = 32 * 2**20
"""Cards that are remembered, and their bytes: predictors repeat theirs every few seconds."""

_MODEL_NAME: Final = re.compile(MODEL_NAME, re.ASCII)


def read_card(json: bytes) -> ModelCard:
    """Read a card, offline and in bounded time.

    Raises:
        MalformedRequest: it is no good; the sentence says why.
    """
    if len(json) > MAX_CARD_BYTES:
        raise MalformedRequest(f"A card is larger than {MAX_CARD_BYTES} bytes.")
    if nests_deeper(json, MAX_DEPTH):
        raise MalformedRequest(f"A card nests deeper than {MAX_DEPTH} levels.")
    card = ModelCard.from_json(json)
    if not _MODEL_NAME.fullmatch(card.name):
        raise MalformedRequest("A card's name is no name of a model.")
    for schema in (card.input_schema, card.output_schema):
        check_schema(schema)
    return card


class CardReader:
    """A reader of cards that reads each of them once, however often it is announced."""

    def __init__(self) -> None:
        self._read: OrderedDict[bytes, tuple[ModelCard | MalformedRequest, int]] = OrderedDict()
        self._bytes = 0

    def read(self, json: bytes) -> ModelCard:
        """Read a card: see ``read_card``; the same bytes give the same object.

        Raises:
            MalformedRequest: it is no good; the sentence says why.
        """
        digest = blake2b(json, digest_size=16).digest()
        if digest not in self._read:
            self._read[digest] = _read_or_error(json), len(json)
            self._bytes += len(json)
            while self._bytes > MAX_REMEMBERED_BYTES or len(self._read) > _MAX_REMEMBERED:
                self._bytes -= self._read.popitem(last=False)[1][1]
        else:
            self._read.move_to_end(digest)
        read = self._read[digest][0]
        if isinstance(read, MalformedRequest):
            raise read
        return read


def _read_or_error(json: bytes) -> ModelCard | MalformedRequest:
    try:
        return read_card(json)
    except MalformedRequest as exc:
        return MalformedRequest(exc.sentence)  # without the traceback, and what that holds
