"""The earlier version of PredictMQ in the benchmarks: its checkout, and the reasons for none."""

import subprocess
from pathlib import Path

import pytest

from tests.benchmarks.base import PINNED, Base, BaseMissing, prepare

COMMITTER = ("-c", "user.name=test", "-c", "user.email=test@localhost")


def git(history: Path, *arguments: str) -> str:
    """Run git, whose settings of this machine and its user are left out."""
    command = ["git", *COMMITTER, *arguments]
    environment = {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null"}
    path = {"PATH": "/usr/local/bin:/usr/bin:/bin"}
    return subprocess.run(
        command, cwd=history, env=environment | path, capture_output=True, text=True, check=True
    ).stdout.strip()


@pytest.fixture
def history(tmp_path: Path) -> Path:
    """A history of two commits; the first one is tagged ``v1``."""
    folder = tmp_path / "history"
    folder.mkdir()
    git(folder, "init", "--quiet")
    for text in ("old", "new"):
        (folder / "model.py").write_text(text)
        git(folder, "add", "model.py")
        git(folder, "commit", "--quiet", "--message", text)
    git(folder, "tag", "v1", "HEAD~1")
    return folder


def test_a_base_is_the_checkout_of_its_revision(history: Path, tmp_path: Path) -> None:
    installed: list[Base] = []
    base = prepare("v1", history, tmp_path / "bench", installed.append)
    assert installed == [base]
    assert (base.commit, base.missing) == (git(history, "rev-parse", "v1"), "")
    assert base.directory == tmp_path / "bench" / f"base-{base.commit}"
    assert (base.directory / "model.py").read_text() == "old"
    assert (history / "model.py").read_text() == "new"


def test_a_base_is_installed_once(history: Path, tmp_path: Path) -> None:
    installed: list[Base] = []
    for revision in ("v1", "HEAD~1"):
        prepare(revision, history, tmp_path / "bench", installed.append)
    assert len(installed) == 1


def test_an_installation_that_failed_is_started_over(history: Path, tmp_path: Path) -> None:
    def fail(base: Base) -> None:
        (base.directory / "left.py").touch()
        raise BaseMissing("python: no such package")

    failed = prepare("v1", history, tmp_path / "bench", fail)
    assert failed == Base(missing="v1: python: no such package")
    base = prepare("v1", history, tmp_path / "bench", lambda _: None)
    assert [path.name for path in base.directory.glob("*.py")] == ["model.py"]


def test_a_revision_that_the_history_does_not_have_takes_no_part(
    history: Path, tmp_path: Path
) -> None:
    base = prepare(PINNED, history, tmp_path / "bench", lambda _: None)
    assert base.commit == ""
    assert base.missing.startswith(f"{PINNED}: git: fatal: bad ")
    assert not (tmp_path / "bench").exists()


def test_without_a_git_history_there_is_no_base(tmp_path: Path) -> None:
    base = prepare("v1", tmp_path, tmp_path / "bench", lambda _: None)
    assert base == Base(missing="v1: there is no git history here")
