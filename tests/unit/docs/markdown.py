"""The headings, links and tables of a page of Markdown."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tests.support.harness.services import ROOT

DOCS: Final = ROOT / "docs"
PAGES: Final = (
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    *sorted(DOCS.glob("**/*.md")),
)

_FENCED: Final = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_CODE: Final = re.compile(r"`[^`\n]+`")
_HEADING: Final = re.compile(r"^(#+) (.+)$", re.MULTILINE)
_LINK: Final = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_CELL_BORDER: Final = re.compile(r"(?<!\\)\|")


def prose(page: Path) -> str:
    """Return the text of a page without its blocks of code."""
    return _FENCED.sub("", page.read_text())


def links(page: Path) -> list[str]:
    """Return the targets of a page's links, in order."""
    return _LINK.findall(_CODE.sub("", prose(page)))


def anchors(page: Path) -> set[str]:
    """Return the anchors that GitHub gives the headings of a page."""
    found: set[str] = set()
    for _, heading in _HEADING.findall(prose(page)):
        name = plain = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        count = 0
        while name in found:
            count += 1
            name = f"{plain}-{count}"
        found.add(name)
    return found


def section(page: Path, heading: str) -> str:
    """Return the part of a page under a heading, up to the next one of its level or above.

    Raises:
        StopIteration: the page has no such heading.
    """
    text = page.read_text()
    found = list(_HEADING.finditer(text))
    at = next(number for number, each in enumerate(found) if each[2] == heading)
    level = len(found[at][1])
    following = (each.start() for each in found[at + 1 :] if len(each[1]) <= level)
    return text[found[at].end() : next(following, len(text))]


def tables(text: str) -> Iterator[list[list[str]]]:
    """Return the tables of a text: their rows, without the head, as lists of cells."""
    for table in re.findall(r"(?:^\|.*\n?)+", text, re.MULTILINE):
        _, _, *rows = table.splitlines()
        yield [[cell.strip() for cell in _CELL_BORDER.split(row)[1:-1]] for row in rows]


def code(cell: str) -> str:
    """Return the text of a cell that is one piece of code.

    Raises:
        ValueError: the cell is something else.
    """
    match = re.fullmatch(r"`([^`]+)`", cell)
    if match is None:
        raise ValueError(f"{cell!r} is not a piece of code")
    return match[1]
