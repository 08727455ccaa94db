"""The layout of the packages: no import cycle, and at most twelve source files in a folder."""

from collections import Counter
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Final

import grimp
import pytest

PACKAGES: Final = ("common", "gateway", "predictmq", "predictor_service")
TEST_FOLDERS: Final = ("tests/support", "tests/faults/harness", "tests/unit")
"""Folders of tests that the rule for packages holds for, too."""
ROOT: Final = Path(__file__).parents[3]
MAX_FILES: Final = 12
"""Source files in a folder, ``__init__.py`` apart."""


def test_modules_form_no_import_cycle() -> None:
    graph = grimp.build_graph(*PACKAGES, cache_dir=None)
    imports = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    assert sum(map(len, imports.values())) > len(imports)  # the graph is that of this code
    try:
        TopologicalSorter(imports).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


@pytest.mark.parametrize("top", PACKAGES + TEST_FOLDERS)
def test_folders_hold_at_most_twelve_source_files(top: str) -> None:
    sources = (ROOT / top).rglob("*.py")
    sizes = Counter(path.parent for path in sources if path.name != "__init__.py")
    assert sizes
    full = {str(folder.relative_to(ROOT)): size for folder, size in sizes.items()}
    assert {folder: size for folder, size in full.items() if size > MAX_FILES} == {}
