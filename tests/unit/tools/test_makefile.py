"""The set-up by the Makefile: which environments it makes, and what it installs into them."""

import os
import re
import subprocess
from pathlib import Path
from typing import Final

import pytest

from tests.support.harness.make_up import ROOT

NAMED_BY_US: Final = ("MAKE", "MFLAGS", "PYTHON", "VENV", "EXTRAS", "SUITES")
"""Prefixes of variables that the make of this test run may set, and that change what make does."""

PIP: Final = re.compile(r"--editable (\S+)")


def make(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run make in the checkout."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith(NAMED_BY_US)}
    return subprocess.run(
        ["make", "--no-print-directory", *arguments],
        cwd=ROOT,
        env=kept,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def installs(target: str, environment: Path, *arguments: str) -> list[str]:
    """Return the arguments of pip in a dry run of make for ``target``, in their order."""
    planned = make("--dry-run", target, f"VENV={environment}", *arguments)
    assert planned.returncode == 0, planned.stderr
    return PIP.findall(planned.stdout)


class FakePython:
    """A Python that records its arguments, passes the checks of make and creates no environment."""

    def __init__(self, directory: Path, *, is_suitable: bool = True) -> None:
        self.path = directory / "python"
        self._calls = directory / "calls.txt"
        self._calls.touch()
        outcome = '[ "$1" = -c ]' if is_suitable else "false"
        self.path.write_text(f'#!/bin/sh\necho "$@" >>{self._calls}\n{outcome}\n')
        self.path.chmod(0o755)

    @property
    def environments(self) -> list[str]:
        """Return the calls that would create an environment."""
        return [line for line in self._calls.read_text().splitlines() if "-m venv" in line]


@pytest.fixture
def environment(tmp_path: Path) -> Path:
    """The path of an environment that does not exist yet."""
    return tmp_path / "environment"


@pytest.mark.parametrize(
    ("target", "arguments", "expected"),
    [
        ("up", (), ["."]),
        ("up", ("EXTRAS=sentiment",), [".", "'.[sentiment]'"]),
        ("test", (), [".", "'.[dev]'"]),
        ("lint", (), [".", "'.[dev]'"]),
        ("test", ("EXTRAS=models-dev",), [".", "'.[models-dev]'", "'.[dev]'"]),
    ],
)
def test_only_targets_of_development_install_more_than_running_needs(
    environment: Path, target: str, arguments: tuple[str, ...], expected: list[str]
) -> None:
    assert installs(target, environment, *arguments) == expected


def test_make_test_installs_what_tests_need_of_the_system_before_it_runs_them() -> None:
    planned = make("--dry-run", "test").stdout
    assert 0 < planned.index("tests.support.system_packages") < planned.index("-m pytest")


def test_a_finished_set_up_is_not_repeated(environment: Path) -> None:
    environment.mkdir()
    for mark in (".ready", ".ready-dev"):
        (environment / mark).touch()
    assert installs("test", environment) == []


def test_an_environment_for_running_becomes_one_for_tests(environment: Path) -> None:
    environment.mkdir()
    (environment / ".ready").touch()
    assert installs("test", environment) == ["'.[dev]'"]


def test_a_set_up_that_failed_half_way_is_started_over(environment: Path, tmp_path: Path) -> None:
    (environment / "bin").mkdir(parents=True)
    (environment / "pyvenv.cfg").write_text("home = /usr/bin\nprompt = 'predictmq'\n")
    python = FakePython(tmp_path)
    make("up", f"VENV={environment}", f"PYTHON={python.path}")
    assert python.environments == [f"-m venv --clear --prompt predictmq {environment}"]


def test_a_foreign_environment_is_left_alone(environment: Path, tmp_path: Path) -> None:
    (environment / "bin").mkdir(parents=True)
    (environment / "pyvenv.cfg").write_text("home = /usr/bin\nprompt = 'other'\n")
    python = FakePython(tmp_path)
    done = make("up", f"VENV={environment}", f"PYTHON={python.path}")
    assert done.returncode != 0
    assert f"{environment} is there and was not made by PredictMQ: remove it" in done.stderr
    assert python.environments == []
    assert (environment / "pyvenv.cfg").exists()


def test_a_python_that_is_too_old_is_one_sentence(environment: Path, tmp_path: Path) -> None:
    python = FakePython(tmp_path, is_suitable=False)
    done = make("up", f"VENV={environment}", f"PYTHON={python.path}")
    sentence, *rest = done.stderr.splitlines()
    assert sentence.startswith("PredictMQ needs Python 3.11 or newer")
    assert all(line.startswith("make: ") for line in rest)
    assert not environment.exists()
