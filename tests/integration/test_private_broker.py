"""The private broker that the tests and ``make up`` rely on."""

import stat
from pathlib import Path

import pytest

from common.errors import Misconfigured
from predictmq.local.broker_choice import find_or_start_broker
from predictmq.local.ports import free_port, is_open, speaks_amqp
from predictmq.local.rabbitmq.broker import PrivateBroker
from predictmq.local.rabbitmq.errors import BrokerFailed
from predictmq.local.rabbitmq.node import NodeOptions

COUNT = ("list_vhosts", "name", "--no-table-headers")


@pytest.fixture
def nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings that name no broker, with a port on which none listens."""
    monkeypatch.delenv("RABBITMQ_HOST", raising=False)
    monkeypatch.setenv("RABBITMQ_PORT", str(free_port()))


def test_a_node_keeps_its_data_after_a_crash(tmp_path: Path) -> None:
    with PrivateBroker(tmp_path) as node:
        node.ctl("add_vhost", "kept")
        node.kill()
        assert not is_open(node.host, node.port)
        node.start()
        assert "kept" in node.ctl(*COUNT)


def test_the_directory_of_a_node_is_readable_by_its_owner_alone(tmp_path: Path) -> None:
    directory = tmp_path / ".rabbitmq"
    with PrivateBroker(directory) as node:
        assert stat.S_IMODE(node.directory.stat().st_mode) == 0o700
        node.stop()
        node.directory.chmod(0o755)  # as earlier versions left it
        node.start()
        assert stat.S_IMODE(node.directory.stat().st_mode) == 0o700


def test_two_nodes_do_not_see_each_other(broker: PrivateBroker, tmp_path: Path) -> None:
    with PrivateBroker(tmp_path) as other:
        other.ctl("add_vhost", "only-here")
        assert "only-here" not in broker.ctl(*COUNT)
    assert speaks_amqp(broker.host, broker.port)


def test_a_second_node_on_the_same_data_is_refused(broker: PrivateBroker) -> None:
    files = broker.directory / "rabbitmq.conf"
    before = files.read_text()
    with pytest.raises(BrokerFailed, match="Another RabbitMQ node uses"):
        PrivateBroker(broker.directory).start()
    assert files.read_text() == before
    assert speaks_amqp(broker.host, broker.port)


def test_a_node_whose_port_is_in_use_fails_with_the_reason(
    broker: PrivateBroker, tmp_path: Path
) -> None:
    with pytest.raises(BrokerFailed, match="in use by another program"):
        PrivateBroker(tmp_path, NodeOptions(amqp_port=broker.port)).start()


def test_a_node_that_cannot_start_raises_the_reason_and_leaves_no_process(tmp_path: Path) -> None:
    broken = tmp_path / "conf.d" / "broken.conf"
    broken.parent.mkdir()
    broken.write_text("= nonsense\n")
    node = PrivateBroker(tmp_path)
    with pytest.raises(
        BrokerFailed, match=r"did not start: Error during startup: .*configuration_file"
    ):
        node.start()
    broken.unlink()
    with PrivateBroker(tmp_path) as next_node:
        assert speaks_amqp(next_node.host, next_node.port)


def test_a_failed_command_raises_the_reason(broker: PrivateBroker) -> None:
    with pytest.raises(BrokerFailed, match="delete_vhost nowhere: "):
        broker.ctl("delete_vhost", "nowhere")


def test_a_broker_that_the_settings_name_is_used(
    broker: PrivateBroker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RABBITMQ_HOST", broker.host)
    use(broker, monkeypatch)
    with find_or_start_broker(tmp_path / "unused", print) as found:
        assert (found.environment, found.node) == ({}, None)
    assert not (tmp_path / "unused").exists()


def test_a_broker_that_answers_on_this_machine_is_used(
    broker: PrivateBroker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RABBITMQ_HOST", raising=False)
    use(broker, monkeypatch)
    with find_or_start_broker(tmp_path / "unused", print) as found:
        assert (found.environment, found.node) == ({}, None)


def test_a_login_that_the_broker_refuses_is_one_sentence(
    broker: PrivateBroker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RABBITMQ_HOST", broker.host)
    use(broker, monkeypatch)
    monkeypatch.setenv("RABBITMQ_DEFAULT_PASS", "wrong")
    with (
        pytest.raises(Misconfigured, match="RABBITMQ_DEFAULT_PASS"),
        find_or_start_broker(tmp_path, print),
    ):
        raise AssertionError("it was used")


@pytest.mark.usefixtures("nowhere")
def test_a_private_broker_is_started_where_none_runs_and_ends_with_its_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with find_or_start_broker(tmp_path, print) as found:
        host = found.environment["RABBITMQ_HOST"]
        port = int(found.environment["RABBITMQ_PORT"])
        assert speaks_amqp(host, port)
    assert not is_open(host, port)

    monkeypatch.setenv("RABBITMQ_DEFAULT_PASS", "changed since")
    with (
        pytest.raises(Misconfigured, match="set up with other credentials"),
        find_or_start_broker(tmp_path, print),
    ):
        raise AssertionError("it was used")


@pytest.mark.usefixtures("nowhere")
@pytest.mark.parametrize("text", ["a#b", "#", "$(x)", "é %'\"\\", "x = y"])
def test_a_private_broker_has_the_credentials_of_the_settings_whatever_their_characters(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    for name in ("RABBITMQ_DEFAULT_USER", "RABBITMQ_DEFAULT_PASS", "RABBITMQ_VHOST"):
        monkeypatch.setenv(name, text)
    with find_or_start_broker(tmp_path, print) as found:
        assert found.node is not None
        assert text in found.node.ctl(*COUNT)


def use(broker: PrivateBroker, monkeypatch: pytest.MonkeyPatch) -> None:
    """Set all settings for ``broker`` but the host."""
    monkeypatch.setenv("RABBITMQ_PORT", str(broker.port))
    monkeypatch.setenv("RABBITMQ_DEFAULT_USER", broker.user)
    monkeypatch.setenv("RABBITMQ_DEFAULT_PASS", broker.password)
    monkeypatch.delenv("RABBITMQ_VHOST", raising=False)
