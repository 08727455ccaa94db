"""The configuration of a RabbitMQ node of our own: its options, files and environment."""

import os
import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from predictmq.local.ports import LOOPBACK, free_port
from predictmq.local.rabbitmq.installation import Installation

COOKIE: Final = ".erlang.cookie"

ERLANG_LOOPBACK: Final = "-kernel inet_dist_use_interface {127,0,0,1}"
BOOT_ERROR: Final = "Error during startup"

Started = subprocess.Popen[bytes]


@dataclass(frozen=True)
class NodeOptions:
    """The options of a node; without any it listens on a free port.

    ``user``, ``password`` and ``vhost`` count when it starts for the first time. Its ``name``, as
    Erlang knows it, has to differ from the others of its cluster alone, for each cluster has an
    epmd to itself.
    """

    amqp_port: int = field(default_factory=free_port)
    user: str = "predictmq"
    password: str = field(default="predictmq", repr=False)
    vhost: str = "/"
    name: str = "predictmq@localhost"


@dataclass(frozen=True)
class Node:
    """A node: its programs, the directory of its data, and its ports.

    When it starts for the first time, it becomes a member of the cluster of ``joins``.
    """

    installation: Installation
    directory: Path
    options: NodeOptions
    distribution_port: int
    epmd_port: int
    joins: "Node | None" = None

    def write_files(self) -> None:
        """Create the directories and files that the node reads when it starts."""
        for name in ("home", "log", "conf.d"):
            (self.directory / name).mkdir(parents=True, exist_ok=True)
        (self.directory / "enabled_plugins").write_text("[].\n")
        (self.directory / "rabbitmq.conf").write_text(self._configuration())
        credentials = self.directory / "advanced.config"
        credentials.touch(mode=0o600)  # it holds the password
        credentials.write_text(self._credentials())
        if self.joins is not None:
            cookie = self.directory / "home" / COOKIE
            cookie.unlink(missing_ok=True)
            shutil.copy(self.joins.directory / "home" / COOKIE, cookie)  # its mode too

    def _configuration(self) -> str:
        """Return the text of rabbitmq.conf: a small node, with RabbitMQ's defaults otherwise."""
        lines = {
            "listeners.tcp.1": f"{LOOPBACK}:{self.options.amqp_port}",
            "log.console": "false",
            "raft.wal_max_size_bytes": "64000000",
        }
        if self.joins is not None:
            lines |= {
                "cluster_formation.peer_discovery_backend": "classic_config",
                "cluster_formation.classic_config.nodes.1": self.joins.options.name,
                "cluster_formation.classic_config.nodes.2": self.options.name,
            }
        return "".join(f"{key} = {value}\n" for key, value in lines.items())

    def _credentials(self) -> str:
        """Return the text of advanced.config, with texts as Erlang has them, byte by byte.

        In rabbitmq.conf some characters of a password have another meaning, and others none.
        """
        options = self.options
        texts = {
            "default_user": options.user,
            "default_pass": options.password,
            "default_vhost": options.vhost,
        }
        terms = [
            f"{{{key},<<{','.join(map(str, text.encode()))}>>}}" for key, text in texts.items()
        ]
        return f"[{{rabbit,[{','.join(terms)}]}}].\n"

    def environment(self) -> dict[str, str]:
        """Return the whole environment of the node and its tools.

        Nothing of this process's environment but PATH is in it, and nothing of the system's own
        node.
        """
        return {
            "PATH": f"{self.installation.programs}:{os.environ.get('PATH', os.defpath)}",
            "LANG": "C.UTF-8",
            "HOME": self._seen("home"),
            "ERL_CRASH_DUMP_SECONDS": "0",
            "ERL_EPMD_ADDRESS": LOOPBACK,
            "ERL_EPMD_PORT": str(self.epmd_port),
            "RABBITMQ_NODENAME": self.options.name,
            "RABBITMQ_DIST_PORT": str(self.distribution_port),
            "RABBITMQ_CONF_ENV_FILE": self._seen("rabbitmq-env.conf"),
            "RABBITMQ_CONFIG_FILE": self._seen("rabbitmq.conf"),
            "RABBITMQ_CONFIG_FILES": self._seen("conf.d"),
            "RABBITMQ_ADVANCED_CONFIG_FILE": self._seen("advanced.config"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": self._seen("enabled_plugins"),
            "RABBITMQ_MNESIA_BASE": self._seen("data"),
            "RABBITMQ_LOG_BASE": self._seen("log"),
            "RABBITMQ_CTL_ERL_ARGS": ERLANG_LOOPBACK,
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": f"+S 2:2 {ERLANG_LOOPBACK}",
            # The start script then becomes the Erlang machine instead of watching over it,
            # and a signal to the process we started is a signal to RabbitMQ.
            "RABBITMQ_ALLOW_INPUT": "1",
            "RABBITMQ_SERVER_START_ARGS": "-noinput +B i",
        }

    def command(self, program: str, *arguments: str) -> list[str]:
        """Return the command line that runs one of RabbitMQ's programs."""
        full_name = str(self.installation.programs / program)
        return self.installation.command(full_name, *arguments)

    def epmd_command(self) -> list[str]:
        """Return the command line of the Erlang port mapper of this node and its cluster."""
        port = str(self.epmd_port)
        return self.installation.command("epmd", "-port", port, "-address", LOOPBACK)

    def launch(
        self,
        command: list[str],
        log: str,
        keep_open: Sequence[int],
        prepare_child: Callable[[], None] | None,
    ) -> Started:
        """Start a program that writes to ``log`` and inherits the files ``keep_open``."""
        with self._log(log).open("wb") as output:
            return subprocess.Popen(
                command,
                env=self.environment(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                pass_fds=keep_open,
                start_new_session=True,  # so that a Ctrl-C in the terminal does not reach it
                preexec_fn=prepare_child,  # noqa: PLW1509 - the caller's business
            )

    def reason(self, log: str) -> str:
        """Return why the program that wrote ``log`` failed, and where the log is."""
        text = self._log(log).read_text(errors="replace")
        lines = [line for line in text.splitlines() if line.strip()]
        told = [line for line in lines if line.startswith(BOOT_ERROR)] or lines
        return f"{told[0] if told else 'it said nothing'} (see {self._log(log)})"

    def _log(self, name: str) -> Path:
        return self.directory / "log" / name

    def _seen(self, name: str) -> str:
        return self.installation.seen(self.directory / name)
