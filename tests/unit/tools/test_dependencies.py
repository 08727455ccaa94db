"""The third-party imports of the code, compared with what pyproject.toml declares."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from typing import Any, Final

import pytest

from tests.support.harness.make_up import ROOT

EXTRAS: Final[dict[str, tuple[str, ...]]] = {
    "common": ("otel",),
    "gateway": (),
    "predictmq": (),
    "predictor_service": ("mlflow", "onnx", "sentiment"),
}
"""The packages of the code, and the extras without which some of their modules do not work."""

ONLY_FILES: Final = {"flask-swagger-ui"}
"""Dependencies of which the files are used and nothing is imported."""

# For imports of extras that are not installed where the unit tests run.
DISTRIBUTIONS: Final = {"mlflow": ["mlflow-skinny"]} | dict(packages_distributions())


def project() -> dict[str, Any]:
    """Read the table ``project`` of pyproject.toml."""
    table: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return table


def normalized(requirement: str) -> str:
    """Return the name in a requirement, spelled as PEP 503 says."""
    name = re.match(r"[\w.-]+", requirement)
    assert name is not None, requirement
    return re.sub(r"[-_.]+", "-", name[0]).lower()


def imported_names(tree: ast.AST) -> Iterator[str]:
    """Yield the full names of the modules that a module imports, anywhere in it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            yield node.module


def imported_distributions(package: str) -> dict[str, set[str]]:
    """Return the third-party modules that a package imports, with the distributions that have them.

    A module of a namespace package such as ``opentelemetry`` is in several.
    """
    modules = {
        name.partition(".")[0]
        for file in (ROOT / package).rglob("*.py")
        for name in imported_names(ast.parse(file.read_text()))
    }
    third_party = modules - sys.stdlib_module_names - set(EXTRAS) - {"_typeshed"}  # types only
    return {
        module: {normalized(name) for name in DISTRIBUTIONS.get(module, [module])}
        for module in third_party
    }


@pytest.mark.parametrize("package", EXTRAS)
def test_every_import_is_declared_as_a_dependency(package: str) -> None:
    declared = {normalized(requirement) for requirement in project()["dependencies"]}
    for extra in EXTRAS[package]:
        declared |= {normalized(each) for each in project()["optional-dependencies"][extra]}
    undeclared = {
        module
        for module, distributions in imported_distributions(package).items()
        if not distributions & declared
    }
    assert not undeclared


def test_every_dependency_is_imported() -> None:
    imported = {
        distribution
        for package in EXTRAS
        for distributions in imported_distributions(package).values()
        for distribution in distributions
    }
    declared = {normalized(requirement) for requirement in project()["dependencies"]}
    assert declared - imported == ONLY_FILES
