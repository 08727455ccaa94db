"""The bodies of 1 MiB that take longest to read, at gateway and predictor, beside a harmless one.

Schemas are left out: no model has announced one.
"""

import gc
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, Final

import msgspec
import pytest

from common.contract.json_decoder import JsonDecoder
from common.contract.request_body import input_of
from common.errors import PredictionError
from common.service import COLLECT_EVERY
from gateway.prediction_id import PredictionIds
from gateway.predictions.call import Call
from gateway.predictions.intake import Intake
from gateway.registry.registry import PredictorRegistry
from gateway.settings import GatewaySettings
from tests.support.fakes.loops import ManualLoop
from tests.support.fakes.scripted import ScriptedLink, no_consumers

MIB: Final = 2**20
TIMES_HARMLESS: Final = 20
"""The bound of the worst body, as a multiple of ``[1.5, 1.5, ...]``, which takes some 6 ms."""


def body(value: str) -> bytes:
    """Return the body of an array with ``value`` as often as it fits."""
    return b'{"input": [%b]}' % b",".join([value.encode()] * ((MIB - 13) // (len(value) + 1)))


def text(part: str) -> bytes:
    """Return the body of a string that repeats ``part``."""
    return b'{"input": "%b"}' % (part.encode() * ((MIB - 13) // len(part.encode())))


def keys(form: str) -> bytes:
    """Return the body of an object with keys of a form."""
    number = MIB // (len(form % 10_000) + 1)
    return b'{"input": {%b}}' % ",".join(form % each for each in range(number)).encode()


HARMLESS: Final = body("1.5")
WORST: Final = {
    "numbers near the largest": body("1e308"),
    "numbers near the smallest": body("5e-324"),
    "numbers below the smallest": body("1e-330"),
    "numbers far below the smallest": body("1e-500"),
    "numbers far below, padded": body("1e-0500"),
    "numbers that are rounded": body("9007199254740993.0"),
    "numbers without an exponent": body("1" + "0" * 308 + ".0"),
    "long integers": body("9" * 4300),
    "longer integers": body("9" * 4301),
    "one number": b'{"input": 0.%b1e-5}' % (b"0" * (MIB - 20)),
    "arrays": body("[]"),
    "objects": body('{"a":1}'),
    "arrays, nested": body("[" * 63 + "]" * 63),
    "arrays, nested a little": body("[[[]]]"),
    "arrays, nested too deep": body("[" * 900 + "]" * 900),
    "arrays, never closed": b'{"input": ' + b"[" * (MIB - 10),
    "objects, nested": body('{"a":' * 63 + "1" + "}" * 63),
    "keys": keys('"%d":1'),
    "keys with escapes": keys('"\\u0041%d":1'),
    "duplicate keys": b'{"input": {%b}}' % b",".join([b'"a":1'] * (MIB // 6 - 3)),
    "duplicate inputs": b"{%b}" % b",".join([b'"input":1'] * (MIB // 10 - 1)),
    "strings": body('"a"'),
    "strings with brackets": body('"["'),
    "strings with quotes": body('"\\"["'),
    "escapes": text("\\u0041"),
    "surrogates": text("\\ud83d\\ude00"),
    "a lone surrogate at the end": text("\\ud83d\\ude00")[:-2] + b'\\ud83d"}',
    "backslashes": text("\\\\"),
    "characters of four bytes": text("\N{GRINNING FACE}"),
    "bytes that are no UTF-8": text("a")[:-3] + b'\xff"}',
    "spaces": b'{"input":%b1}' % (b" " * (MIB - 11)),
}


class BodyOf:
    """The body of a call, which arrives at once."""

    def __init__(self, data: bytes) -> None:
        self.announced_bytes = len(data)
        self._data = data

    async def read(self, charge: Callable[[int], None]) -> bytes:
        charge(len(self._data))
        return self._data


@pytest.fixture
def gateway(manual_loop: ManualLoop, no_settings: pytest.MonkeyPatch) -> Callable[[bytes], None]:
    """The gateway's reading of a body, up to the order that it makes of it."""
    settings = GatewaySettings()
    ids = PredictionIds(b"k" * 32, settings.life_s, manual_loop.time)
    intake = Intake(
        settings, ids, PredictorRegistry(manual_loop.time, ScriptedLink(), no_consumers)
    )

    async def order(data: bytes) -> None:
        call = Call("m", BodyOf(data))
        with intake.admit(call, intake.waiting) as admitted:
            await intake.order(call, admitted, call.owner)

    return lambda data: manual_loop.run_until_complete(order(data))


def decoded(data: bytes) -> None:
    """Decode an input as a predictor does in the thread of a model, which holds the GIL."""
    with suppress(msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        JsonDecoder(Any).decode(input_of(data))


@pytest.fixture
def collector_of_services() -> Iterator[None]:
    """The settings of the garbage collector that the services run with."""
    before = gc.get_threshold()
    gc.set_threshold(COLLECT_EVERY)
    yield
    gc.set_threshold(*before)


def took_s(read: Callable[[bytes], Any], data: bytes) -> float:
    """Return the processor time of reading ``data``, also in vain: the best of three."""
    times = []
    for _ in range(3):
        start_s = time.process_time()
        with suppress(PredictionError):
            read(data)
        times.append(time.process_time() - start_s)
    return min(times)


@pytest.mark.parametrize("worst", WORST)
def test_no_body_within_the_limit_holds_up_a_gateway(
    gateway: Callable[[bytes], None], worst: str
) -> None:
    assert len(WORST[worst]) == pytest.approx(MIB, rel=0.1)
    assert took_s(gateway, WORST[worst]) < TIMES_HARMLESS * took_s(gateway, HARMLESS)


@pytest.mark.parametrize("worst", WORST)
def test_no_request_within_the_limit_holds_up_the_event_loop_of_a_predictor(worst: str) -> None:
    assert took_s(input_of, WORST[worst]) < TIMES_HARMLESS * took_s(input_of, HARMLESS)


@pytest.mark.usefixtures("collector_of_services")
@pytest.mark.parametrize("worst", WORST)
def test_no_input_within_the_limit_holds_up_a_predictor_while_it_is_decoded(worst: str) -> None:
    assert took_s(decoded, WORST[worst]) < TIMES_HARMLESS * took_s(decoded, HARMLESS)
