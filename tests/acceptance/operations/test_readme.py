"""The README's code blocks, run as they stand and in their order."""

import asyncio
from pathlib import Path

import pytest

from tests.support.harness.pages import Reader, blocks_of
from tests.support.harness.services import ROOT


@pytest.mark.xdist_group("port 8080")
async def test_the_commands_of_the_readme_print_the_output_that_it_shows(tmp_path: Path) -> None:
    text = (ROOT / "README.md").read_text()
    assert blocks_of(text)[0][:2] == ("bash", "up")
    with Reader(tmp_path / "checkout") as reader:
        await asyncio.to_thread(reader.follow, text)
        assert reader.compared == 3
