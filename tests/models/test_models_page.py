"""The rest of docs/models.md: the models that ship."""

import asyncio
from pathlib import Path

from tests.support.harness.pages import Reader, sections
from tests.support.harness.services import ROOT

PAGE = ROOT / "docs" / "models.md"


async def test_a_model_that_ships_is_served_by_one_command(tmp_path: Path) -> None:
    with Reader(tmp_path / "checkout") as reader:
        await asyncio.to_thread(reader.follow, sections(PAGE)["Models that ship"])
        assert reader.compared == 3


def test_the_readme_shows_the_commands_that_this_page_runs() -> None:
    readme = (ROOT / "README.md").read_text()
    commands = [line for line in PAGE.read_text().splitlines() if line.startswith("make up EXTRAS")]
    assert len(commands) == 3
    for command in commands:
        assert f"`{command}`" in readme
