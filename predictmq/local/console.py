"""One terminal for several processes: who says what."""

import os
import sys
from collections.abc import Callable, Iterable
from itertools import cycle
from typing import Final, TextIO

COLOURS: Final = ("36", "33", "32", "35", "34", "31")
"""ANSI foreground colours, in the order in which names get them."""


class Console:
    """Prints lines with the aligned name of their speaker; coloured on a terminal only."""

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
        """A function that prints one line, or several, as said by ``name``."""
        prefix = self._prefixes[name]

        def say(text: str) -> None:
            for line in text.splitlines() or [""]:
                print(f"{prefix} {line}".rstrip(), file=self._out, flush=True)

        return say
