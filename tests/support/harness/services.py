"""The real services, started, watched and ended by the tests."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Final, Self
from uuid import uuid4

import httpx

from predictmq.local.plan import reachable
from predictmq.local.ports import LOOPBACK, free_port
from predictmq.local.rabbitmq.broker import PrivateBroker
from tests.support.harness.waiting import TIMEOUT_S, until

ROOT: Final = Path(__file__).parents[3]


class Service:
    """One gateway or predictor as a process of its own; a context manager that ends it.

    ``start`` after ``kill`` is a restart: same settings, same port.
    """

    def __init__(
        self,
        module: str,
        environment: dict[str, str],
        log: Path,
        directory: Path = ROOT,
        redirect: str = "",
    ) -> None:
        """``redirect``: redirections of the standard streams, as a shell has them."""
        self._module = module
        self._redirect = redirect
        self._directory = directory
        self._environment = environment
        self._log_path = log
        self._process: subprocess.Popen[bytes] | None = None
        bind = environment.get("GATEWAY_BIND") or environment["PREDICTOR_HEALTH_BIND"]
        self.url = f"http://{reachable(bind.partition(',')[0])}"

    @property
    def log(self) -> str:
        """The log so far."""
        return self._log_path.read_text()

    def start(self) -> None:
        """Start the process; returns before it is ready."""
        shell = ["sh", "-c", f'exec "$@" {self._redirect}', "sh"] if self._redirect else []
        with self._log_path.open("ab") as log:
            self._process = subprocess.Popen(
                [*shell, sys.executable, "-m", self._module],
                cwd=self._directory,
                env=os.environ | self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    async def ready(self, timeout_s: float = TIMEOUT_S) -> None:
        """Wait until ``/readyz`` responds with 200; an AssertionError after ``timeout_s``."""
        await self.shows("/readyz", 200, timeout_s)

    async def logs(self, text: str, timeout_s: float = TIMEOUT_S) -> None:
        """Wait until the log has ``text``: lines are written a moment after they are logged."""

        async def has_it() -> bool:
            return text in self.log

        await until(has_it, lambda: f"{text}\n{self.log}", timeout_s)

    async def reads(self, metric: str, timeout_s: float = TIMEOUT_S) -> None:
        """Wait until ``/metrics`` has the line ``metric``."""

        async def has_it() -> bool:
            return metric in (await http.get("/metrics")).text.splitlines()

        async with httpx.AsyncClient(base_url=self.url, timeout=timeout_s) as http:
            await until(has_it, lambda: metric, timeout_s)

    async def shows(self, path: str, status: int, timeout_s: float = TIMEOUT_S) -> None:
        """Wait until a GET of ``path`` responds with ``status``."""

        async def does() -> bool:
            assert self.is_running, f"{self._module} ended:\n{self.log}"
            try:
                return (await http.get(path)).status_code == status
            except httpx.TransportError:
                return False

        async with httpx.AsyncClient(base_url=self.url) as http:
            await until(does, lambda: f"{path} answers {status}\n{self.log}", timeout_s)

    @property
    def is_running(self) -> bool:
        """True from the start of the process to its end."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """The id of the process."""
        assert self._process is not None
        return self._process.pid

    def children(self) -> list[int]:
        """Return the ids of the running child processes."""
        parents = {pid: _parent(pid) for pid in os.listdir("/proc") if pid.isdecimal()}
        ours = str(self.pid)
        return [int(pid) for pid, parent in parents.items() if parent == ours]

    async def gone(self, pid: int, timeout_s: float = TIMEOUT_S) -> None:
        """Wait until there is no process ``pid``."""

        async def is_gone() -> bool:
            return not os.path.exists(f"/proc/{pid}")  # noqa: ASYNC240 - in memory

        await until(is_gone, lambda: f"process {pid} ends", timeout_s)

    def kill(self) -> None:
        """Kill the process (SIGKILL) and wait for its end."""
        self._signal(signal.SIGKILL)
        self._wait(timeout_s=10)

    def freeze(self) -> None:
        """Stop the process (SIGSTOP) until ``thaw``; its connections stay open."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Continue the process (SIGCONT)."""
        self._signal(signal.SIGCONT)

    def terminate(self) -> None:
        """Send SIGTERM; returns before the process has ended."""
        self._signal(signal.SIGTERM)

    async def exit_code(self, timeout_s: float) -> int:
        """Wait for the end of the process; an AssertionError after ``timeout_s`` seconds."""

        async def ended() -> bool:
            return not self.is_running

        await until(ended, lambda: f"{self._module} ends\n{self.log}", timeout_s)
        return self._wait(0)

    def end(self) -> None:
        """Kill the process if it runs."""
        if self.is_running:
            self.kill()

    def _signal(self, number: int) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def _wait(self, timeout_s: float) -> int:
        assert self._process is not None
        return self._process.wait(timeout_s)


def _parent(pid: str) -> str:
    """Return the parent of a process, by proc(5); empty if the process has just ended."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return ""
    return stat.rpartition(")")[2].split()[1]


def new_vhost(broker: PrivateBroker) -> str:
    """Create a vhost for one test; returns its name."""
    name = f"test-{uuid4().hex[:12]}"
    user = f'<<"{broker.user}">>'
    broker.ctl(
        "eval",  # one start of the tool instead of two
        f'rabbit_vhost:add(<<"{name}">>, {user}), rabbit_auth_backend_internal:set_permissions('
        f'{user}, <<"{name}">>, <<".*">>, <<".*">>, <<".*">>, {user}).',
    )
    return name


class Cluster:
    """Services that share one broker and one vhost; a context manager that ends them."""

    def __init__(self, broker: PrivateBroker, directory: Path, vhost: str | None = None) -> None:
        self._common = {
            "RABBITMQ_HOST": broker.host,
            "RABBITMQ_PORT": str(broker.port),
            "RABBITMQ_DEFAULT_USER": broker.user,
            "RABBITMQ_DEFAULT_PASS": broker.password,
            "RABBITMQ_VHOST": vhost or new_vhost(broker),
        }
        self._directory = directory
        self._services: list[Service] = []
        self.redirect = ""
        """Redirections of the standard streams of services that are started from now on."""

    def gateway(self, **settings: str) -> Service:
        """Start a gateway on a port of its own."""
        return self.gateway_as("gateway", **settings)

    def gateway_as(self, module: str, **settings: str) -> Service:
        """Start a gateway from another module, one of the tests."""
        return self._start(module, {"GATEWAY_BIND": f"{LOOPBACK}:{free_port()}"} | settings)

    def predictor(self, **settings: str) -> Service:
        """Start a predictor of the default model, or of the one that ``settings`` name."""
        return self.predictor_in(ROOT, **settings)

    def predictor_in(self, directory: Path, **settings: str) -> Service:
        """Start a predictor with ``directory`` as its working directory."""
        bind = {"PREDICTOR_HEALTH_BIND": f"{LOOPBACK}:{free_port()}"}
        return self._start("predictor_service", bind | settings, directory)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """End every service that was started."""
        for service in self._services:
            service.end()

    def _start(self, module: str, settings: dict[str, str], directory: Path = ROOT) -> Service:
        log = self._directory / f"{module}-{len(self._services)}.log"
        service = Service(module, self._common | settings, log, directory, self.redirect)
        self._services.append(service)
        service.start()
        return service
