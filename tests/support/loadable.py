"""What ``PREDICTOR_MODEL`` may name, well and badly made."""

from typing import Any, Final

from predictor_service.models import InvalidInput


def double(value: Any) -> Any:
    """A model that is a function."""
    return value * 2


class Greeter:
    """A model that loads something, once, before it predicts."""

    def __init__(self) -> None:
        self._greeting = "hello "

    def predict(self, name: Any) -> Any:
        """Greet ``name``."""
        return self._greeting + name


class Callable:
    """A model that is called by its own name."""

    def __call__(self, value: Any) -> Any:
        return [value]


ready_made: Final = Greeter()


def refuses(value: Any) -> Any:
    """Blame the caller."""
    raise InvalidInput(f"Not {value}.")


def fails(_: Any) -> Any:
    """Fail, with something that no caller may see."""
    raise RuntimeError("secret")


def exits(_: Any) -> Any:
    """What a script does that was never meant to be a model."""
    raise SystemExit("secret")


def answers_no_json(_: Any) -> Any:
    """A result that cannot travel."""
    return {object()}


class Raises:
    """Cannot be loaded: its file is missing."""

    def __init__(self) -> None:
        raise FileNotFoundError("weights.bin")


class Exits:
    """Cannot be loaded: ends the program."""

    def __init__(self) -> None:
        raise SystemExit(3)


class WantsArguments:
    """Cannot be loaded: nobody gives it arguments."""

    def __init__(self, path: str) -> None:
        self.path = path


class PredictIsNoMethod:
    """Loads, and cannot predict."""

    predict = "soon"


number: Final = 42
