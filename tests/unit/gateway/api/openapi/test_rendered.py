"""The encoded document: the described one, built in slices, and only when it changes."""

import asyncio
import gc
import time
from typing import Final

import msgspec

from common.contract.announcement import ModelCard
from gateway.api.openapi import AccessControl, RenderedDocument, describe
from tests.unit.gateway.api.openapi.test_document import RISK

ACCESS: Final = AccessControl(keys=True)
SCHEMA: Final = {"type": "object", "properties": {"a": {"type": "number"}}}


def rendered() -> RenderedDocument:
    """Return the document of a gateway that has just started."""
    return RenderedDocument("risk", "1.2.3", ACCESS)


def cards(count: int) -> list[ModelCard]:
    """Return the cards of many models."""
    return [ModelCard(name=f"m{n}", input_schema=SCHEMA) for n in range(count)]


def test_the_encoded_document_is_the_described_one_whatever_models_come_and_go() -> None:
    newer = msgspec.structs.replace(RISK, version="3")
    steps = [[], [RISK], [RISK, *cards(3)], [newer, *cards(2)], [ModelCard(name="../a")], [newer]]

    async def follow() -> None:
        document = rendered()
        for models in steps:
            encoded = msgspec.json.decode(await document.render(models))
            assert encoded == msgspec.json.decode(
                msgspec.json.encode(describe(models, "risk", "1.2.3", ACCESS))
            )

    asyncio.run(follow())


def test_the_document_is_built_once_for_the_same_models_and_for_callers_at_once() -> None:
    async def call() -> None:
        document, models = rendered(), cards(3)
        first, *others = await asyncio.gather(*(document.render(models) for _ in range(5)))
        assert all(each is first for each in [*others, await document.render(list(models))])

    asyncio.run(call())


def test_the_document_of_thousands_of_models_is_built_in_turns_as_short_as_sending_it() -> None:
    async def turns_s(models: list[ModelCard]) -> list[float]:
        task = asyncio.ensure_future(rendered().render(models))
        turns = []
        while not task.done():
            began_s = time.thread_time()
            await asyncio.sleep(0)
            turns.append(time.thread_time() - began_s)
        began_s = time.thread_time()
        bytes(bytearray(task.result()))  # a harmless use of it
        return [max(turns), sum(turns), time.thread_time() - began_s]

    gc.disable()
    try:
        longest_s, whole_s, copied_s = asyncio.run(turns_s(cards(5000)))
    finally:
        gc.enable()
    assert longest_s < max(whole_s / 5, 5 * copied_s)
