"""The packages of the system that the tests need, installed where they are missing.

``make test`` runs this module first. It prints a line for each package that it installs, and on
systems where it cannot install one a sentence that says how to get it. Exit codes: 0; 2 when a
package is missing.
"""

import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from predictmq.local import apt
from predictmq.local.rabbitmq.installation import SERVER, installation
from tests.support.harness.clock import libfaketime


@dataclass(frozen=True)
class SystemPackage:
    """A package by its name in Debian, and the reason why the tests need it."""

    name: str
    reason: str
    is_installed: Callable[[], bool]

    @property
    def advice(self) -> str:
        """The sentence for those who have to install it by themselves."""
        return (
            f"{self.name} is missing, {self.reason}: install the package of that name "
            f"(Debian: apt-get install {self.name})."
        )


NEEDED: Final = (
    SystemPackage(
        "curl", "which the documents' commands call", lambda: shutil.which("curl") is not None
    ),
    SystemPackage(
        "libfaketime", "which the tests with a wrong clock need", lambda: libfaketime() is not None
    ),
    SystemPackage(
        SERVER, "of which the tests start nodes of their own", lambda: installation() is not None
    ),
)


def install_missing(packages: Sequence[SystemPackage], say: Callable[[str], None]) -> list[str]:
    """Install the packages that are missing; return a sentence for each that still is."""
    sentences = []
    for package in packages:
        if package.is_installed():
            continue
        if not apt.can_install():
            sentences.append(package.advice)
            continue
        try:
            apt.install(package.name, say)
        except apt.CannotInstall as exc:
            sentences.append(str(exc))
    return sentences


def main() -> int:
    """Run the command; return its exit code."""
    sentences = install_missing(NEEDED, lambda text: print(text, flush=True))
    for sentence in sentences:
        print(sentence, file=sys.stderr)
    return 2 if sentences else 0


if __name__ == "__main__":
    sys.exit(main())
