"""The packages of the system that ``make test`` installs."""

import pytest

from predictmq.local import apt
from tests.support.system_packages import SystemPackage, install_missing


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the packages that a fake apt has installed."""
    names: list[str] = []
    monkeypatch.setattr(apt, "can_install", lambda: True)
    monkeypatch.setattr(apt, "install", lambda name, _: names.append(name))
    return names


def package(name: str, *, is_installed: bool) -> SystemPackage:
    """Return a package with a reason."""
    return SystemPackage(name, "which a test needs", lambda: is_installed)


def test_only_packages_that_are_missing_are_installed(installed: list[str]) -> None:
    there, missing = package("there", is_installed=True), package("missing", is_installed=False)
    assert install_missing([there, missing], print) == []
    assert installed == ["missing"]


def test_each_missing_package_is_one_sentence_where_apt_cannot_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(apt, "can_install", lambda: False)
    packages = [package(name, is_installed=False) for name in ("first", "second")]
    assert install_missing(packages, pytest.fail) == [
        f"{name} is missing, which a test needs: install the package of that name "
        f"(Debian: apt-get install {name})."
        for name in ("first", "second")
    ]


def test_a_failure_of_apt_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise apt.CannotInstall("apt-get install failed: no such package")

    monkeypatch.setattr(apt, "can_install", lambda: True)
    monkeypatch.setattr(apt, "install", fail)
    missing = package("missing", is_installed=False)
    assert install_missing([missing], print) == ["apt-get install failed: no such package"]
