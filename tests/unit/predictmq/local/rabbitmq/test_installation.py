"""The programs of RabbitMQ and the paths that they see."""

import os
import shutil
from pathlib import Path

import pytest

from predictmq.local.rabbitmq.errors import BrokerMissing
from predictmq.local.rabbitmq.installation import Installation, install, installation

SBIN = Path("/usr/lib/rabbitmq/bin")


def test_programs_of_this_machine_are_called_as_they_are() -> None:
    here = Installation(SBIN)
    assert here.command("epmd", "-port", "1") == ["epmd", "-port", "1"]
    assert here.reachable(Path("/var/x")) == Path("/var/x")
    assert here.seen(Path("/var/x")) == "/var/x"


def test_programs_below_another_root_see_paths_from_there() -> None:
    there = Installation(SBIN, Path("/opt/other"))
    assert there.command("epmd")[-2:] == ["--mount-proc", "epmd"]
    assert "--root=/opt/other" in there.command("epmd")
    assert there.seen(Path("/opt/other/tmp/x")) == "/tmp/x"


def test_a_directory_that_another_root_hides_is_always_replaced_by_the_same_one() -> None:
    there = Installation(SBIN, Path("/opt/other"))
    replaced = there.reachable(Path("/var/x"))
    assert replaced.is_relative_to("/opt/other/tmp")
    assert replaced == there.reachable(Path("/var/x"))
    assert replaced != there.reachable(Path("/var/y"))
    assert there.reachable(replaced) == replaced


def test_an_empty_root_has_no_rabbitmq(tmp_path: Path) -> None:
    assert installation({"RABBITMQ_CHROOT": str(tmp_path)}) is None


def test_a_user_who_may_not_install_gets_the_choices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(BrokerMissing, match=r"apt-get install.*brew install.*docker run.*HOST"):
        install(print)


def test_root_without_apt_gets_the_choices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(BrokerMissing, match="RABBITMQ_HOST"):
        install(print)
