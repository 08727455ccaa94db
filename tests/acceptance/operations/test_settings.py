"""Services started with wrong settings or with arguments, as an operator starts them."""

import os
import subprocess
import sys
from importlib.metadata import version
from typing import Final

import pytest

from predictmq.local.plan import EVERY_SETTING
from tests.support.harness.services import ROOT

PREFIXES: Final = (*(kind.prefix for kind in EVERY_SETTING if kind.prefix), "OTEL_")
SECRET: Final = "open-sesame"
GATEWAY, PREDICTOR, UP = "gateway", "predictor_service", "predictmq.local.up"

Ended = subprocess.CompletedProcess[str]


def run(module: str, *arguments: str, **settings: str | bytes) -> Ended:
    """Run a program to its end, with these settings and no other."""
    environ: dict[str, str | bytes] = {
        name: value for name, value in os.environ.items() if not name.startswith(PREFIXES)
    }
    return subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=ROOT,
        env=environ | settings,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def sentence_of(ended: Ended) -> str:
    """Return the one line that a refused start prints."""
    (line,) = ended.stderr.splitlines()
    assert (ended.returncode, ended.stdout) == (2, "")
    assert SECRET not in line
    return line


@pytest.mark.parametrize(
    ("module", "name", "right"),
    [
        (GATEWAY, "GATEWAY_SYNC_TIMEOUT", "GATEWAY_SYNC_TIMEOUT_S"),
        (GATEWAY, "GATEWAY_API_KEY", "GATEWAY_API_KEYS"),
        (GATEWAY, "RABBITMQ_PASSWORD", "RABBITMQ_DEFAULT_PASS"),
        (PREDICTOR, "PREDICTOR_MODELS", "PREDICTOR_MODEL"),
        (PREDICTOR, "DEMO_DELAY", "DEMO_DELAY_S"),
        (UP, "GATEWAY_API_KEY", "GATEWAY_API_KEYS"),
        (UP, "PREDICTOR_MODELS", "PREDICTOR_MODEL"),
    ],
)
def test_a_setting_that_nobody_reads_ends_the_start(module: str, name: str, right: str) -> None:
    sentence = sentence_of(run(module, **{name: SECRET}))
    assert sentence.endswith(f"unknown {name}; did you mean {right}?")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("RABBITMQ_HOST", "localhost:5672"),
        ("RABBITMQ_HOST", f"amqp://guest:{SECRET}@localhost"),
        ("RABBITMQ_HOST", "[::1]"),
        ("RABBITMQ_HOST", "localhost "),
        ("RABBITMQ_HOST", b"\xff"),
        ("RABBITMQ_PORT", "tcp://10.0.0.1:5672"),
        ("RABBITMQ_DEFAULT_USER", b"guest\xff"),
        ("RABBITMQ_DEFAULT_PASS", SECRET.encode() + b"\xff"),
        ("RABBITMQ_DEFAULT_PASS", f"{SECRET}\n"),
        ("RABBITMQ_VHOST", "v" * 300),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://user:{SECRET}@local host"),
        ("LOG_LEVEL", "loud"),
    ],
)
@pytest.mark.parametrize("module", [GATEWAY, PREDICTOR, UP])
def test_a_wrong_value_of_a_shared_setting_ends_the_start(
    module: str, name: str, value: str | bytes
) -> None:
    assert f"{name}: " in sentence_of(run(module, **{name: value}))


@pytest.mark.parametrize(
    ("module", "name", "value"),
    [
        (GATEWAY, "GATEWAY_ID_SECRET", SECRET.encode() + b"\xff"),
        (GATEWAY, "GATEWAY_API_KEYS", f"alice={SECRET}"),
        (GATEWAY, "GATEWAY_SYNC_TIMEOUT_S", "1_000"),
        (PREDICTOR, "PREDICTOR_CONCURRENCY", "٣"),
        (PREDICTOR, "PREDICTOR_MODEL", b"demo\xff"),
        (PREDICTOR, "PREDICTOR_MODEL", "demo=m"),
        (PREDICTOR, "DEMO_DELAY_S", "soon"),
        (UP, "PREDICTORS", "9" * 5000),
        (GATEWAY, "OTEL_EXPORTER_OTLP_HEADERS", SECRET),
    ],
)
def test_a_wrong_value_ends_the_start(module: str, name: str, value: str | bytes) -> None:
    traced = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"} if "OTLP" in name else {}
    assert name in sentence_of(run(module, **traced, **{name: value}))


def test_a_short_key_is_refused_with_a_command_that_makes_one() -> None:
    sentence = sentence_of(run(GATEWAY, GATEWAY_API_KEYS=f"alice={SECRET}"))
    assert "python3 -c 'import secrets; print(secrets.token_urlsafe(24))'" in sentence


@pytest.mark.parametrize("module", [GATEWAY, PREDICTOR, UP])
def test_help_and_version_are_answered_whatever_the_settings(module: str) -> None:
    wrong = {"RABBITMQ_HOST": "localhost:5672", "GATEWAY_FOO": "1", "PREDICTOR_FOO": "1"}
    shown = run(module, "--help", **wrong)
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "\n  RABBITMQ_HOST [localhost] " in shown.stdout
    told = run(module, "--version", **wrong)
    assert (told.returncode, told.stderr) == (0, "")
    assert told.stdout == f"PredictMQ {version('predictmq')}\n"


@pytest.mark.parametrize("module", [GATEWAY, PREDICTOR, UP])
def test_an_unknown_argument_ends_the_start(module: str) -> None:
    assert "Unknown argument" in sentence_of(run(module, f"--password={SECRET}"))


@pytest.mark.parametrize("module", [GATEWAY, PREDICTOR])
def test_a_refused_start_has_its_exit_code_where_nothing_can_be_written(module: str) -> None:
    with open("/dev/full", "wb") as full:
        ended = subprocess.run(
            [sys.executable, "-m", module],
            cwd=ROOT,
            env=os.environ | {"RABBITMQ_HOST": "localhost:5672"},
            stderr=full,
            timeout=60,
            check=False,
        )
    assert ended.returncode == 2
