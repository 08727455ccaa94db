"""The peers, and the programs of each.

One process for each role, as ours; production servers; no line for each call, as ours is measured.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from predictmq.local.ports import LOOPBACK
from tests.support.harness.services import ROOT

FOLDER: Final = Path(__file__).parent / "peers"
ENVIRONMENTS: Final = ROOT / ".venv-bench"

Roles = dict[str, tuple[str, ...]]
"""Role → the program and its arguments. The program is one of the peer's environment."""


@dataclass(frozen=True)
class Rival:
    """One peer: its packages, and its programs for a port."""

    name: str
    title: str
    packages: tuple[str, ...]
    roles: Callable[[int], Roles]
    uses_redis: bool = False

    @property
    def folder(self) -> Path:
        """The folder of its code, which is its working directory."""
        return FOLDER / self.name

    @property
    def programs(self) -> Path:
        """The folder of the programs of its environment."""
        return ENVIRONMENTS / self.name / "bin"

    @property
    def versions(self) -> str:
        """The installed versions of its packages."""
        pinned = (self.folder / "requirements.txt").read_text().splitlines()
        versions = dict(line.lower().split("==") for line in pinned)
        return ", ".join(f"{package} {versions[package]}" for package in self.packages)

    @property
    def is_installed(self) -> bool:
        """Return whether its environment is complete."""
        return (ENVIRONMENTS / self.name / ".ready").exists()


def _uvicorn(port: int) -> tuple[str, ...]:
    options = ("--host", LOOPBACK, "--port", str(port), "--no-access-log")
    return ("uvicorn", "--workers", "1", *options, "gateway:app")


def _jsonrpc(port: int) -> Roles:
    bind = ("--bind", f"{LOOPBACK}:{port}")
    options = ("--workers", "1", "--worker-class", "uvloop", *bind)
    return {
        "predictor": ("python", "predictor.py"),
        "gateway": ("hypercorn", *options, "gateway:app"),
    }


def _faststream(port: int) -> Roles:
    return {
        "predictor": ("faststream", "run", "--log-level", "warning", "predictor:app"),
        "gateway": _uvicorn(port),
    }


def _celery(port: int) -> Roles:
    options = ("worker", "--concurrency", "1", "--loglevel", "WARNING")
    return {"predictor": ("celery", "--app", "tasks", *options), "gateway": _uvicorn(port)}


def _nameko(_: int) -> Roles:
    return {
        role: ("nameko", "run", "--config", "config.yaml", role)
        for role in ("predictor", "gateway")
    }


def _pika(port: int) -> Roles:
    options = ("--workers", "1", "--threads", "32", "--bind", f"{LOOPBACK}:{port}")
    return {
        "predictor": ("python", "predictor.py"),
        "gateway": ("gunicorn", *options, "gateway:app"),
    }


def _litserve(_: int) -> Roles:
    return {"server": ("python", "server.py")}


def _mosec(port: int) -> Roles:
    options = ("--address", LOOPBACK, "--port", str(port), "--log-level", "warning")
    return {"server": ("python", "server.py", *options)}


def _bentoml(port: int) -> Roles:
    return {"server": ("bentoml", "serve", "service:Noop", "--host", LOOPBACK, "--port", str(port))}


RIVALS: Final = {
    rival.name: rival
    for rival in (
        Rival("jsonrpc", "Quart + `JsonRPC`", ("quart", "hypercorn", "aio-pika"), _jsonrpc),
        Rival(
            "faststream", "FastAPI + FastStream", ("fastapi", "uvicorn", "faststream"), _faststream
        ),
        Rival(
            "celery", "FastAPI + Celery", ("fastapi", "uvicorn", "celery"), _celery, uses_redis=True
        ),
        Rival("nameko", "nameko", ("nameko",), _nameko),
        Rival("pika", "Flask + pika", ("flask", "gunicorn", "pika"), _pika),
        Rival("mosec", "mosec", ("mosec",), _mosec),
        Rival("litserve", "LitServe", ("litserve",), _litserve),
        Rival("bentoml", "BentoML", ("bentoml",), _bentoml),
    )
}
