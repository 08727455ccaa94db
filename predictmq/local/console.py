"""The output of ``make up``: lines of several processes on one terminal, and the greeting."""

import os
import sys
from collections.abc import Callable, Iterable
from itertools import cycle
from typing import Final, TextIO

COLOURS: Final = ("36", "33", "32", "35", "34", "31")
"""ANSI foreground colours, in the order in which names get them."""


class Console:
    """A printer of lines behind the aligned name of their process; coloured on terminals only."""

    def __init__(self, names: Iterable[str], out: TextIO | None = None) -> None:
        self._out = out or sys.stdout
        coloured = self._out.isatty() and "NO_COLOR" not in os.environ
        names = list(names)
        width = max(map(len, names))
        self._prefixes = {
            name: f"\x1b[{colour}m{name:{width}} |\x1b[0m" if coloured else f"{name:{width}} |"
            for name, colour in zip(names, cycle(COLOURS), strict=False)
        }

    def voice(self, name: str) -> Callable[[str], None]:
        """Return a function that prints a text, line by line, as output of ``name``."""
        prefix = self._prefixes[name]

        def say(text: str) -> None:
            for line in text.splitlines() or [""]:
                print(f"{prefix} {line}".rstrip(), file=self._out, flush=True)

        return say


def greeting(gateway: str, *predictors: str) -> str:
    """Return the text for when everything is ready: a call to try, and the pages to look at.

    The arguments are the addresses at which the services are reached.
    """
    url = f"http://{gateway}"
    observed = [f"  http://{address}/metrics" for address in (gateway, *predictors)]
    lines = [
        f"PredictMQ is ready at {url}",
        "",
        f"  curl -H 'Content-Type: application/json' -d '{{\"input\": \"hello\"}}' {url}/predict",
        "",
        f"  {url}/readyz",
        *observed,
        "",
        "Ctrl-C stops everything.",
    ]
    return "\n".join(lines)
