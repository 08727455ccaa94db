"""The base: an earlier version of PredictMQ, checked out and installed beside this one."""

import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.benchmarks.rivals import ENVIRONMENTS
from tests.support.harness.services import ROOT

PINNED: Final = "9af3d88950db58d1fd626d11adfc0788118c89d8"
"""The version that the bounds compare this one with."""

SHORT_DIGITS: Final = 7
"""The digits of a commit that are shown."""


class BaseMissing(Exception):
    """The error that a version cannot be checked out or installed; the text has the reason."""


@dataclass(frozen=True)
class Base:
    """A commit, checked out into ``folder``; or none, and the reason why it is ``missing``."""

    commit: str = ""
    folder: Path = ENVIRONMENTS
    missing: str = ""

    @property
    def directory(self) -> Path:
        """The checkout, which is its working directory."""
        return self.folder / f"base-{self.commit}"

    @property
    def python(self) -> Path:
        """The Python of its environment."""
        return self.directory / ".venv" / "bin" / "python"


def install(base: Base) -> None:
    """Create the environment of a checkout from its own pyproject.toml and constraints.txt.

    Raises:
        BaseMissing: it cannot be installed on this Python.
    """
    pip = (str(base.python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
    constrained = (*pip, "--constraint", "constraints.txt")
    _run(base.directory, sys.executable, "-m", "venv", ".venv")
    _run(base.directory, *constrained, "setuptools")
    _run(base.directory, *constrained, "--no-build-isolation", "--editable", ".")


def prepare(
    revision: str,
    history: Path = ROOT,
    folder: Path = ENVIRONMENTS,
    install: Callable[[Base], None] = install,
) -> Base:
    """Check out and install a commit or a tag, unless that was done; the mark is written last."""
    try:
        base = Base(_commit(revision, history), folder)
        ready = base.directory / ".ready"
        if not ready.exists():
            print(f"Installing {base.directory.relative_to(folder.parent)}.", flush=True)
            _check_out(base, history)
            install(base)
            ready.touch()
    except BaseMissing as exc:
        return Base(missing=f"{revision}: {exc}")
    return base


def _commit(revision: str, history: Path) -> str:
    if not (history / ".git").exists():
        raise BaseMissing("there is no git history here")
    return _run(history, "git", "log", "-1", "--format=%H", revision, "--").strip()


def _check_out(base: Base, history: Path) -> None:
    """Extract the files of the commit: no work tree that git would have to know."""
    shutil.rmtree(base.directory, ignore_errors=True)
    base.directory.mkdir(parents=True)
    archive = base.directory / "archive.tar"
    _run(history, "git", "archive", f"--output={archive}", base.commit)
    with tarfile.open(archive) as files:
        files.extractall(base.directory, filter="data")
    archive.unlink()


def _run(directory: Path, *command: str) -> str:
    """Run a command; returns its output.

    Raises:
        BaseMissing: it cannot be run, or has failed.
    """
    program = Path(command[0]).name
    try:
        done = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=True)
    except OSError as exc:
        raise BaseMissing(f"{program}: {exc.strerror}") from exc
    except subprocess.CalledProcessError as exc:
        last = exc.stderr.strip().rpartition("\n")[2] or f"exit code {exc.returncode}"
        raise BaseMissing(f"{program}: {last}") from exc
    return done.stdout
