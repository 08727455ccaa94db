"""Installation with a fake apt."""

import os
import shutil
from pathlib import Path

import pytest

from predictmq.local import apt


@pytest.fixture
def fake_apt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A fake apt-get, called by root, that records its last argument and can be rewritten."""
    program = tmp_path / "apt-get"
    program.write_text(f'#!/bin/sh\nfor last; do :; done\necho "$last" >>{tmp_path}/calls.txt\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    return program


def test_a_package_is_announced_and_installed_from_a_fresh_index(fake_apt: Path) -> None:
    said: list[str] = []
    apt.install("curl", said.append)
    assert said == ["Installing curl."]
    assert (fake_apt.parent / "calls.txt").read_text().split() == ["update", "curl"]


def test_the_last_line_of_apts_error_is_the_reason(fake_apt: Path) -> None:
    fake_apt.write_text("#!/bin/sh\necho first >&2\necho the reason >&2\nexit 100\n")
    with pytest.raises(apt.CannotInstall, match=r"^apt-get update failed: the reason$"):
        apt.install("curl", print)


@pytest.mark.usefixtures("fake_apt")
def test_only_root_installs_a_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert not apt.can_install()
    with pytest.raises(apt.CannotInstall, match="curl is not installed"):
        apt.install("curl", pytest.fail)


def test_a_machine_without_apt_installs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(shutil, "which", lambda _: None)
    assert not apt.can_install()
    assert apt.main("curl") == 1


@pytest.mark.usefixtures("fake_apt")
def test_the_command_installs_the_package_that_it_is_given(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert apt.main("python3.11-venv") == 0
    assert capsys.readouterr().out == "Installing python3.11-venv.\n"
