"""The installation of RabbitMQ on this machine, and the command lines of its programs.

The programs are called without Debian's wrappers, which insist on the user ``rabbitmq`` and
on the data of the system's own node.
"""

import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

from predictmq.local import apt
from predictmq.local.rabbitmq.errors import BrokerMissing

BEHIND_DEBIANS_WRAPPERS: Final = Path("/usr/lib/rabbitmq/bin")
SERVER: Final = "rabbitmq-server"


@dataclass(frozen=True)
class Installation:
    """The programs of RabbitMQ: in the directory ``programs``, as seen from ``root``."""

    programs: Path
    root: Path = Path("/")

    @property
    def is_elsewhere(self) -> bool:
        """True if the programs see another file system than this process."""
        return self.root != Path("/")

    def command(self, program: str, *arguments: str) -> list[str]:
        """Return the command line that becomes ``program``.

        No process stays in between, so a signal to the started process reaches the program.
        """
        if not self.is_elsewhere:
            return [program, *arguments]
        # The mount namespace takes /proc with it when the last process in it ends.
        enter = ["unshare", "--mount", f"--root={self.root}", "--mount-proc"]
        return [*enter, program, *arguments]

    def reachable(self, directory: Path) -> Path:
        """Return a directory that the programs can see, always the same for ``directory``."""
        directory = directory.absolute()
        if directory.is_relative_to(self.root):
            return directory
        name = sha256(str(directory).encode()).hexdigest()[:12]
        return self.root / "tmp" / f"predictmq-{name}"

    def seen(self, path: Path) -> str:
        """Return ``path`` as the programs see it."""
        return f"/{path.relative_to(self.root)}"


def installation(environ: Mapping[str, str] = os.environ) -> Installation | None:
    """Find RabbitMQ: below ``RABBITMQ_CHROOT`` when that is set, else on this machine."""
    root = Path(environ.get("RABBITMQ_CHROOT") or "/")
    if (root / BEHIND_DEBIANS_WRAPPERS.relative_to("/") / SERVER).exists():
        return Installation(BEHIND_DEBIANS_WRAPPERS, root)
    found = shutil.which(SERVER)
    if found is None or root != Path("/"):
        return None
    return Installation(Path(found).parent)


def install(say: Callable[[str], None]) -> Installation:
    """Install RabbitMQ with apt, as root on Debian or one of its descendants.

    Raises:
        BrokerMissing: we are not root, there is no apt, it failed, or ``RABBITMQ_CHROOT`` is set.
    """
    if os.environ.get("RABBITMQ_CHROOT"):
        raise BrokerMissing(
            f"RABBITMQ_CHROOT: that directory has no {BEHIND_DEBIANS_WRAPPERS / SERVER}."
        )
    if not apt.can_install():
        raise BrokerMissing(
            "No RabbitMQ was found. Install one (Debian: apt-get install rabbitmq-server, "
            "macOS: brew install rabbitmq), start one with Docker (docker run -p 5672:5672 "
            "rabbitmq:4), or name one with RABBITMQ_HOST."
        )
    try:
        apt.install(SERVER, say)
    except apt.CannotInstall as exc:
        raise BrokerMissing(str(exc)) from exc
    if (installed := installation({})) is None:
        raise BrokerMissing(f"apt-get installed {SERVER}, but it is not where Debian puts it.")
    return installed
