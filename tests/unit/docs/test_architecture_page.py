"""docs/architecture.md compared with the folders and files of the code."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.support.harness.services import ROOT
from tests.unit.docs.markdown import DOCS, PAGES, code, section, tables

PAGE: Final = DOCS / "architecture.md"
PACKAGES: Final = ("common", "gateway", "predictor_service", "predictmq")
FOLDERS: Final = sorted(
    {
        str(file.parent.relative_to(ROOT))
        for package in PACKAGES
        for file in (ROOT / package).glob("**/*.py")
    }
)
(ROWS,) = tables(section(PAGE, "Folders"))
BY_FOLDER: Final = {code(folder).rstrip("/"): (job, answers) for folder, job, answers in ROWS}

_FILE: Final = re.compile(r"[\w/]+\.py\b")
_PATH: Final = re.compile(r"`((?:common|gateway|predictor_service|predictmq|tests|docs)/[\w/.-]*)`")
_PARTICIPANT: Final = re.compile(r"participant (\w+) as (\S+)")
_ARROW: Final = re.compile(r"(\w+)->>(\w+): (.*)")


def _files_of_rows() -> Iterator[str]:
    """Yield each file that a row of the table names, by its whole path."""
    for folder, cells in BY_FOLDER.items():
        for file in _FILE.findall(" ".join(cells)):
            yield f"{folder}/{file}"


def _files_of_diagrams() -> Iterator[str]:
    """Yield each file on an arrow; one without a path is in the folder where the arrow starts."""
    for heading in ("A sync prediction", "An async prediction"):
        text = section(PAGE, heading)
        places = dict(_PARTICIPANT.findall(text))
        for start, _, said in _ARROW.findall(text):
            for file in _FILE.findall(said):
                yield file if "/" in file else f"{places[start]}/{file}"


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_folder_of_the_packages_is_in_the_table(folder: str) -> None:
    assert folder in BY_FOLDER


@pytest.mark.parametrize("folder", BY_FOLDER)
def test_every_folder_of_the_table_exists_and_has_its_contents_named(folder: str) -> None:
    assert (ROOT / folder).is_dir()
    assert all(BY_FOLDER[folder])


@pytest.mark.parametrize("file", sorted({*_files_of_rows(), *_files_of_diagrams()}))
def test_every_file_that_the_page_names_exists(file: str) -> None:
    assert (ROOT / file).is_file()


@pytest.mark.parametrize("heading", ["A sync prediction", "An async prediction"])
def test_a_journey_goes_from_the_client_through_a_predictor_and_back(heading: str) -> None:
    text = section(PAGE, heading)
    arrows = _ARROW.findall(text)
    assert {end for arrow in arrows for end in arrow[:2]} == {
        name for name, _ in _PARTICIPANT.findall(text)
    }
    assert (arrows[0][0], arrows[-1][1]) == ("C", "C")
    assert "R" in {start for start, _, _ in arrows}


@pytest.mark.parametrize(
    ("page", "path"),
    sorted({(page, path) for page in PAGES for path in _PATH.findall(page.read_text())}),
    ids=lambda value: str(value.relative_to(ROOT)) if isinstance(value, Path) else value,
)
def test_a_file_or_folder_that_any_page_names_by_its_path_exists(page: Path, path: str) -> None:
    assert any(ROOT.glob(path.rstrip("/")))
