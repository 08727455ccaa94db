"""The names of variables: ours, others', and misspelt ones."""

from typing import Final

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from common.configuration.names import meant, unknown_names
from common.settings import Settings
from predictmq.local.plan import EVERY_SETTING

OURS: Final = {kind.prefix: kind.names() for kind in EVERY_SETTING if kind.prefix}
NAMES: Final = [
    (prefix, name)
    for prefix, names in OURS.items()
    for name in names
    if name.startswith(prefix) and len(name) > len(prefix) + len("VHOST")
]
"""Names that are long enough: one slip in ``HOST`` can be one in ``PORT`` or ``VHOST``, too."""


def unknown(prefix: str, **environ: str) -> list[str]:
    return list(unknown_names(environ, prefix, OURS[prefix]))


@st.composite
def misspelt(draw: st.DrawFn) -> tuple[str, str, str]:
    """A prefix, a name with one slip of the keyboard, and the name that was meant."""
    prefix, name = draw(
        st.sampled_from([pair for pair in NAMES if len(pair[1]) > len(pair[0]) + 4])
    )
    tail = name.removeprefix(prefix)
    at = draw(st.integers(0, len(tail) - 1))
    letter = draw(st.sampled_from("ABCDEFGHIJKLMNOPQRSTUVWXYZ_"))
    slip = draw(
        st.sampled_from(
            [
                tail[:at] + tail[at + 1 :],
                tail[:at] + letter + tail[at:],
                tail[:at] + letter + tail[at + 1 :],
                tail[:at] + tail[at : at + 2][::-1] + tail[at + 2 :],
            ]
        )
    )
    assume(prefix + slip not in OURS[prefix])
    return prefix, prefix + slip, name


@given(misspelt())
def test_of_a_misspelt_name_the_right_one_was_meant(case: tuple[str, str, str]) -> None:
    prefix, name, right = case
    assert unknown(prefix, **{name: "x"}) == [name]
    assert meant(name, prefix, OURS[prefix]) == right
    assert meant(name.lower(), prefix, OURS[prefix]) == right


@pytest.mark.parametrize(
    ("name", "right"),
    [
        ("GATEWAY_SYNC_TIMEOUT", "GATEWAY_SYNC_TIMEOUT_S"),
        ("GATEWAY_TIMEOUT", "GATEWAY_SYNC_TIMEOUT_S"),
        ("GATEWAY_API_KEY", "GATEWAY_API_KEYS"),
        ("GATEWAY_KEYS", "GATEWAY_API_KEYS"),
        ("GATEWAY_DEFAULT_MODEL", "DEFAULT_MODEL"),
        ("GATEWAY_MAX_INFLIGHT", "GATEWAY_MAX_IN_FLIGHT"),
        ("PREDICTOR_MODELS", "PREDICTOR_MODEL"),
        ("PREDICTOR_BIND", "PREDICTOR_HEALTH_BIND"),
        ("RABBITMQ_USER", "RABBITMQ_DEFAULT_USER"),
        ("RABBITMQ_USERNAME", "RABBITMQ_DEFAULT_USER"),
        ("RABBITMQ_PASSWORD", "RABBITMQ_DEFAULT_PASS"),
        ("RABBITMQ_DEFAULT_PASS_FILE", "RABBITMQ_DEFAULT_PASS"),
        ("RABBITMQ_QUEUE_TYPE", "RABBITMQ_SYNC_QUEUE_TYPE"),
        ("DEMO_DELAY", "DEMO_DELAY_S"),
        ("DEMO_MODE", None),
        ("RABBITMQ_URL", None),
        ("GATEWAY_", None),
    ],
)
def test_of_a_name_as_others_have_it_ours_was_meant(name: str, right: str | None) -> None:
    prefix = name.partition("_")[0] + "_"
    assert unknown(prefix, **{name: "x"}) == [name]
    assert meant(name, prefix, OURS[prefix]) == right


@pytest.mark.parametrize("kind", [kind for kind in EVERY_SETTING if kind.prefix])
def test_settings_are_known_in_any_case_and_other_prefixes_are_not_looked_at(
    kind: type[Settings],
) -> None:
    environ = dict.fromkeys(kind.names(), "x") | dict.fromkeys(map(str.lower, kind.names()), "x")
    others = {f"{prefix}FOO": "x" for prefix in OURS if prefix != kind.prefix}
    assert unknown(kind.prefix, **environ, **others, PATH="/bin", FOO="x") == []


def test_an_empty_variable_means_nothing() -> None:
    assert unknown("GATEWAY_", GATEWAY_API_KEY="") == []


@pytest.mark.parametrize(
    "name",
    [
        *(
            "RABBITMQ_NODENAME",
            "RABBITMQ_CONFIG_FILE",
            "RABBITMQ_ERLANG_COOKIE",
            "RABBITMQ_NODE_PORT",
        ),
        *("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", "RABBITMQ_LOGS", "RABBITMQ_CHROOT"),
    ],
)
def test_a_variable_of_the_broker_itself_is_no_mistake(name: str) -> None:
    assert unknown("RABBITMQ_", **{name: "x"}) == []


def test_the_brokers_vhost_is_a_mistake_unless_ours_is_set_or_is_the_same() -> None:
    assert unknown("RABBITMQ_", RABBITMQ_DEFAULT_VHOST="x") == ["RABBITMQ_DEFAULT_VHOST"]
    assert meant("RABBITMQ_DEFAULT_VHOST", "RABBITMQ_", OURS["RABBITMQ_"]) == "RABBITMQ_VHOST"
    assert unknown("RABBITMQ_", RABBITMQ_DEFAULT_VHOST="x", RABBITMQ_VHOST="y") == []
    assert unknown("RABBITMQ_", RABBITMQ_DEFAULT_VHOST="/") == []


@pytest.mark.parametrize("prefix", OURS)
@pytest.mark.parametrize("service", ["", "NODES_", "HEADLESS_V2_"])
def test_the_service_links_of_kubernetes_are_no_mistake(prefix: str, service: str) -> None:
    port = f"{prefix}{service}PORT"
    links = {
        f"{prefix}{service}SERVICE_HOST": "10.0.0.1",
        f"{prefix}{service}SERVICE_PORT": "5672",
        f"{prefix}{service}SERVICE_PORT_AMQP": "5672",
        port: "tcp://10.0.0.1:5672",
        f"{port}_5672_TCP": "tcp://10.0.0.1:5672",
        f"{port}_5672_TCP_PROTO": "tcp",
        f"{port}_5672_TCP_PORT": "5672",
        f"{port}_5672_TCP_ADDR": "10.0.0.1",
        f"{port}_53_UDP_ADDR": "10.0.0.1",
    }
    assert unknown(prefix, **links) == []
    if port not in OURS[prefix]:
        assert unknown(prefix, **{port: "8080"}) == [port]
