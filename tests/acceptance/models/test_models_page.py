"""docs/models.md, as far as it needs no packages beyond those of ``make setup``."""

import asyncio
from pathlib import Path

import pytest

from tests.support.harness.pages import Reader, blocks_of, sections
from tests.support.harness.services import ROOT


@pytest.mark.xdist_group("port 8080")
async def test_a_model_comes_from_an_empty_file_to_three_replicas(tmp_path: Path) -> None:
    parts = sections(ROOT / "docs" / "models.md")
    del parts["Models that ship"]  # tests/models/test_models_page.py
    with Reader(tmp_path / "checkout") as reader:
        for text in parts.values():
            await asyncio.to_thread(reader.follow, text)
        assert reader.compared == 6


def test_the_users_image_has_three_lines_and_compose_builds_its_base() -> None:
    parts = sections(ROOT / "docs" / "models.md")
    (image,) = (b for b in blocks_of(parts["With Docker"]) if b.language == "dockerfile")
    words = [line.split()[0] for line in image.text.splitlines()]
    assert words == ["FROM", "COPY", "ENV"]
    assert "WORKDIR /app" in (ROOT / "predictor_service" / "Dockerfile").read_text()
