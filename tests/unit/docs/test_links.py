"""The links of all pages, and the length of the first ones."""

from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.support.harness.services import ROOT
from tests.unit.docs.markdown import DOCS, PAGES, anchors, links

LINKS = [
    (page, link)
    for page in PAGES
    for link in links(page)
    if not urlsplit(link).scheme  # what is on other hosts may be away
]


def _name(value: Path | str) -> str:
    return str(value.relative_to(ROOT)) if isinstance(value, Path) else value


def test_the_pages_have_links() -> None:
    assert len(LINKS) > 50
    assert {page for page, _ in LINKS} >= {ROOT / "README.md", ROOT / "CONTRIBUTING.md"}


@pytest.mark.parametrize(("page", "link"), LINKS, ids=_name)
def test_a_link_leads_to_a_file_and_a_heading_that_exist(page: Path, link: str) -> None:
    path, _, anchor = link.partition("#")
    target = (page.parent / path).resolve() if path else page
    assert target.is_relative_to(ROOT)
    assert target.exists()
    assert not anchor or anchor in anchors(target)


@pytest.mark.parametrize("page", sorted(DOCS.glob("*.md")), ids=_name)
def test_the_index_of_the_documents_names_every_page(page: Path) -> None:
    assert page.name == "README.md" or page.name in links(DOCS / "README.md")


def test_the_readme_leads_to_the_index_and_to_the_map() -> None:
    assert {"docs/README.md", "docs/architecture.md", "CONTRIBUTING.md"} <= set(
        links(ROOT / "README.md")
    )


@pytest.mark.parametrize(
    ("page", "lines"), [(ROOT / "README.md", 140), (DOCS / "architecture.md", 150)], ids=_name
)
def test_a_page_for_first_readers_is_short(page: Path, lines: int) -> None:
    assert len(page.read_text().splitlines()) <= lines
