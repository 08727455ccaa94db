"""``make up``: one command starts everything, Ctrl-C ends it."""

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from predictmq.local.ports import LOOPBACK, free_port, is_open
from predictmq.local.rabbitmq.broker import PrivateBroker
from predictmq.local.waiting import wait_until
from tests.support.harness.make_up import READY, MakeUp, copy_checkout
from tests.support.harness.services import ROOT, new_vhost


def address(bind: str) -> tuple[str, int]:
    """Return the host and the port of an address."""
    host, _, port = bind.rpartition(":")
    return host, int(port)


def pending(url: str) -> float:
    """Return the number of sync calls that wait at the gateway."""
    metrics = httpx.get(f"{url}/metrics").text
    (line,) = (line for line in metrics.splitlines() if line.startswith("predictmq_pending_calls "))
    return float(line.split()[1])


def answers(url: str) -> bool:
    """Return whether a sync call succeeds."""
    return httpx.post(f"{url}/predict", json={"input": 1}, timeout=40).status_code == 200


def only_sentence(up: MakeUp) -> str:
    """Return the one line of the error, between the lines of ``up`` and those of make."""
    said = [
        line for line in up.output.splitlines() if not line.startswith(("make: ", "up   ", "up |"))
    ]
    assert len(said) == 1, up.output
    return said[0]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A new copy of the checkout."""
    return copy_checkout(tmp_path / "checkout")


@pytest.fixture
def shared(broker: PrivateBroker) -> dict[str, str]:
    """The settings of a broker that runs already."""
    return {
        "RABBITMQ_HOST": broker.host,
        "RABBITMQ_PORT": str(broker.port),
        "RABBITMQ_DEFAULT_USER": broker.user,
        "RABBITMQ_DEFAULT_PASS": broker.password,
        "RABBITMQ_VHOST": new_vhost(broker),
    }


@pytest.fixture
def listener() -> Iterator[int]:
    """A port on which another server listens."""
    with socket.create_server((LOOPBACK, 0)) as server:
        yield server.getsockname()[1]


def test_one_command_starts_everything_and_ctrl_c_ends_all_of_it(checkout: Path) -> None:
    with MakeUp(checkout) as up:
        assert up.says(f"{READY} {up.url}"), up.output
        answer = httpx.post(f"{up.url}/predict", json={"input": "hello"}, timeout=40)
        assert (answer.status_code, answer.json()["input"]) == (200, "hello")

        up.ctrl_c()
        up.exit_code()
        assert "Error" not in up.output
        assert wait_until(lambda: not up.processes(), timeout_s=5), up.processes()
        assert not is_open(*address(up.bind))


def test_each_line_of_output_names_its_process(checkout: Path, shared: dict[str, str]) -> None:
    with MakeUp(checkout, **shared, PREDICTORS="2") as up:
        assert up.says("Ctrl-C stops everything."), up.output
        speakers = {line.split("|")[0].rstrip() for line in up.output.splitlines()}
    assert speakers == {"up", "gateway", "predictor-1", "predictor-2"}


def test_several_workers_of_the_gateway_are_one_gateway_and_end_with_it(
    checkout: Path, shared: dict[str, str]
) -> None:
    with MakeUp(checkout, **shared, GATEWAY_WORKERS="2") as up:
        assert up.says(f"{READY} {up.url}"), up.output
        assert answers(up.url)
        assert len(up.processes("-m gateway worker")) == 2
        up.ctrl_c()
        up.exit_code()
        assert "Error" not in up.output
        assert wait_until(lambda: not up.processes(), timeout_s=5), up.processes()
        assert not is_open(*address(up.bind))


def test_a_predictor_that_crashes_is_started_again(checkout: Path, shared: dict[str, str]) -> None:
    with MakeUp(checkout, **shared) as up:
        assert up.says(READY), up.output
        (predictor,) = up.processes("-m predictor_service")
        os.kill(predictor, signal.SIGKILL)
        assert up.says("ended with SIGKILL, starts again"), up.output
        answer = httpx.post(f"{up.url}/predict", json={"input": 1}, timeout=40)
        assert answer.status_code == 200


def test_a_private_broker_that_crashes_is_started_again(checkout: Path) -> None:
    with MakeUp(checkout) as up:
        assert up.says(READY), up.output
        (node,) = up.processes("beam")
        os.kill(node, signal.SIGKILL)
        answer = httpx.post(f"{up.url}/predict", json={"input": 1}, timeout=40)
        assert answer.status_code in {200, 503}
        assert up.says("RabbitMQ has ended and is started again."), up.output
        assert wait_until(lambda: answers(up.url), timeout_s=40), up.output


def test_a_call_accepted_before_ctrl_c_is_answered_after_it(
    checkout: Path, shared: dict[str, str]
) -> None:
    answers: list[httpx.Response] = []

    def call() -> None:
        answers.append(httpx.post(f"{up.url}/predict", json={"input": 1}, timeout=40))

    with MakeUp(checkout, **shared, DEMO_DELAY_S="2") as up:
        assert up.says(READY), up.output
        caller = threading.Thread(target=call)
        caller.start()
        assert wait_until(lambda: pending(up.url) == 1, timeout_s=10)
        up.ctrl_c()
        caller.join()
        up.exit_code()
    assert [answer.status_code for answer in answers] == [200]


def test_a_second_ctrl_c_ends_everything_at_once(checkout: Path, shared: dict[str, str]) -> None:
    with MakeUp(checkout, **shared, DEMO_DELAY_S="30") as up:
        assert up.says(READY), up.output
        httpx.post(f"{up.url}/predict", json={"input": 1}, headers={"Async-Mode": "true"})
        up.ctrl_c()
        assert up.says("once more to stop at once"), up.output
        up.ctrl_c()
        up.exit_code(timeout_s=5)
        assert wait_until(lambda: not up.processes(), timeout_s=5), up.processes()


def test_all_processes_end_when_the_supervisor_is_killed(checkout: Path) -> None:
    with MakeUp(checkout) as up:
        assert up.says(READY), up.output
        (itself,) = up.processes("-m predictmq.local.up")
        os.kill(itself, signal.SIGKILL)
        assert wait_until(lambda: not up.processes(), timeout_s=30), up.processes()


def test_a_busy_port_is_one_sentence(checkout: Path, listener: int) -> None:
    with MakeUp(checkout, GATEWAY_BIND=f"{LOOPBACK}:{listener}") as up:
        assert up.exit_code() != 0
        assert only_sentence(up).startswith(f"The gateway cannot listen on {up.bind} ")


def test_a_wrong_password_is_one_sentence(checkout: Path, shared: dict[str, str]) -> None:
    with MakeUp(checkout, **shared | {"RABBITMQ_DEFAULT_PASS": "wrong"}) as up:
        assert up.exit_code() != 0
        assert "check RABBITMQ_DEFAULT_USER" in only_sentence(up)


def test_a_missing_permission_is_a_sentence_and_ends_everything(
    checkout: Path, shared: dict[str, str], broker: PrivateBroker
) -> None:
    vhost = shared["RABBITMQ_VHOST"]
    broker.ctl("add_user", vhost, "secret")
    broker.ctl("set_permissions", "--vhost", vhost, vhost, "", "", "")
    theirs = {"RABBITMQ_DEFAULT_USER": vhost, "RABBITMQ_DEFAULT_PASS": "secret"}
    with MakeUp(checkout, **shared | theirs) as up:
        assert up.exit_code() != 0
        assert "permission" in up.output
        assert "Traceback" not in up.output
        assert not up.processes()


def test_an_unusable_setting_is_one_sentence(checkout: Path) -> None:
    with MakeUp(checkout, PREDICTORS="many", GATEWAY_BIND=f"{LOOPBACK}:{free_port()}") as up:
        assert up.exit_code() != 0
        assert "PREDICTORS" in only_sentence(up)


def test_an_unknown_extra_is_one_sentence_and_installs_nothing() -> None:
    mark = Path(sys.prefix) / ".ready-otel,nope"
    refused = subprocess.run(
        ["make", "--silent", "up", "EXTRAS=otel,nope", f"VENV={sys.prefix}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert refused.returncode == 2
    assert refused.stderr.startswith("There is no extra nope: EXTRAS is one of dev, ")
    assert not mark.exists()
