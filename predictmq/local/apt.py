"""Installation of Debian packages, by root with apt.

The Makefile runs this module before there is an environment, so it imports the standard library
alone: ``python -P predictmq/local/apt.py PACKAGE``. Exit codes: 0; 1 after one sentence.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from typing import Final

QUIET: Final = ("apt-get", "-qq", "-o", "Dpkg::Use-Pty=0")


class CannotInstall(Exception):
    """The package cannot be installed; the text says why."""


def can_install() -> bool:
    """Tell whether this process may install packages: as root, where there is apt."""
    return os.geteuid() == 0 and shutil.which("apt-get") is not None


def install(package: str, say: Callable[[str], None]) -> None:
    """Install a package without what it only recommends; ``say`` announces it.

    Raises:
        CannotInstall: this process may not install packages, or apt failed.
    """
    if not can_install():
        raise CannotInstall(f"{package} is not installed: only root can install it, with apt-get.")
    say(f"Installing {package}.")
    for arguments in (["update"], ["install", "-y", "--no-install-recommends", package]):
        done = subprocess.run(
            [*QUIET, *arguments],
            env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            reason = done.stderr.strip().splitlines()[-1:] or ["no reason given"]
            raise CannotInstall(f"apt-get {arguments[0]} failed: {reason[0]}")


def main(package: str) -> int:
    """Run the command; returns its exit code."""
    try:
        install(package, print)
    except CannotInstall as exc:
        print(exc, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
