"""Models that ``PREDICTOR_MODEL`` may name."""

import asyncio
from functools import partial
from typing import Annotated, Any, Final

import msgspec


def double(value: Any) -> Any:
    """Return twice the value, as a model that is a function."""
    return value * 2


class Greeter:
    """A model that loads something, once, before it predicts."""

    def __init__(self) -> None:
        self._greeting = "hello "

    def predict(self, name: Any) -> Any:
        """Greet ``name``."""
        return self._greeting + name


class Callable:
    """A model that is an object to be called."""

    def __call__(self, value: Any) -> Any:
        return [value]


ready_made: Final = Greeter()


class Features(msgspec.Struct):
    """An input with constraints."""

    months: Annotated[int, msgspec.Meta(ge=1)]


class Typed:
    """A model with types and a version."""

    version = 3

    def predict(self, features: Features) -> list[float]:
        """Return as many ones as months."""
        return [1.0] * features.months

    def predict_batch(self, batch: list[Features]) -> list[list[float]]:
        """Return the same for each."""
        return [self.predict(features) for features in batch]


class Learns:
    """A model that learns its types and its version only while loading."""

    def __init__(self, path: str) -> None:
        self.version = path
        self.input_type = list[int]
        self.output_type = dict[str, int]

    def predict(self, values: Any) -> Any:
        """Return the number of values."""
        return {"count": len(values)}


class Async:
    """An async model that keeps a lock, which belongs to one event loop."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._loops: set[asyncio.AbstractEventLoop] = set()

    async def predict(self, value: Any) -> int:
        """Return the number of event loops in which the model was called so far."""
        if value == "exit":
            raise SystemExit(3)
        if value == "cancel":
            raise asyncio.CancelledError
        async with self._lock:
            self._loops.add(asyncio.get_running_loop())
            await asyncio.sleep(0)
            return len(self._loops)

    async def predict_batch(self, values: list[Any]) -> list[int]:
        """Return the same for each, run at once."""
        return list(await asyncio.gather(*map(self.predict, values)))


triple: Final = partial(lambda factor, value: factor * value, 3)


def returns_a_stranger(value: int) -> asyncio.Lock:
    """Return a type without a schema."""
    raise NotImplementedError


class Limits(msgspec.Struct):
    """An input whose fields have the names of keywords of JSON Schema."""

    uniqueItems: bool
    maxItems: int
    format: str = "decimal"


def takes_limits(value: Limits) -> int:
    """Take an input that has such names."""
    return value.maxItems
