"""A page of the documentation whose code blocks are run unchanged and in their order.

What a block is for is on its fence: ``python FILE`` is written to a file, ``bash up`` is a
``make up`` that runs until the next one, ``bash`` is a command of the reader's, ``json`` is
what the last command printed. Anything else is only read.
"""

import fcntl
import os
import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final, NamedTuple, Self

from predictmq.local.waiting import wait_until
from tests.support.harness.make_up import READY, MakeUp, copy_checkout

ID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
ANNOUNCED_S: Final = 10
TURN_S: Final = 300
"""The longest wait for another page, whose commands use the same port."""

_BLOCK: Final = re.compile(r"^```(\w+)(?: ([\w.-]+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class Block(NamedTuple):
    """A block of code: its language, the second word of its fence, and its text."""

    language: str
    word: str
    text: str


def blocks_of(text: str) -> list[Block]:
    """Return all blocks of a page, or of a part of one."""
    return [Block(*match) for match in _BLOCK.findall(text)]


def sections(page: Path) -> dict[str, str]:
    """Return the parts of a page by their second-level headings; "" is the key of the first."""
    first, *rest = re.split(r"^## ", page.read_text(), flags=re.MULTILINE)
    return {"": first} | dict(part.split("\n", 1) for part in rest)


class Reader:
    """A reader who runs a page in a copy of the checkout; a context manager."""

    def __init__(self, directory: Path) -> None:
        self.checkout = copy_checkout(directory)
        for name in (".venv", ".venv-models"):
            (self.checkout / name).symlink_to(sys.prefix)
        self.compared = 0
        self._turn = (Path(tempfile.gettempdir()) / "predictmq-pages.lock").open("w")
        self._up: MakeUp | None = None

    def __enter__(self) -> Self:
        assert wait_until(self._takes_turn, TURN_S), "another page is still being read"
        return self

    def __exit__(self, *_: object) -> None:
        if self._up is not None:
            self._up.__exit__()
        self._turn.close()

    def _takes_turn(self) -> bool:
        """Take the lock of port 8080, which every page uses; returns whether it was free."""
        try:
            fcntl.flock(self._turn, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def follow(self, text: str) -> None:
        """Run all blocks of ``text``; an AssertionError where a command or its output differs."""
        command = ""
        for block in blocks_of(text):
            match block.language, block.word:
                case "bash", "up":
                    self._start(block.text)
                case "bash", "":
                    command = block.text
                    self._run(command)
                case "python", name:
                    (self.checkout / name).write_text(block.text)
                case "json", "":
                    self._compare(command, block.text)

    def _start(self, command: str) -> None:
        words = shlex.split(command)
        make = words.index("make")
        settings = dict(word.split("=", 1) for word in words[:make])
        if self._up is not None:
            self._up.ctrl_c()
            self._up.exit_code()
        bind = {"GATEWAY_BIND": "127.0.0.1:8080"}
        self._up = MakeUp(self.checkout, words[make + 1 :], **bind, **settings)
        self._up.__enter__()
        assert self._up.says(READY), self._up.output

    def _compare(self, command: str, printed: str) -> None:
        """Run a command until it prints that: replicas may still have to announce themselves."""
        outputs = [""]

        def prints_it() -> bool:
            outputs.append(self._run(command))
            return ID.sub("<id>", outputs[-1]).endswith(ID.sub("<id>", printed.strip()))

        assert wait_until(prints_it, ANNOUNCED_S), outputs[-1]
        self.compared += 1

    def _run(self, command: str) -> str:
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", command],
            cwd=self.checkout,
            env={name: os.environ[name] for name in ("PATH", "HOME")},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()
