"""Settings from the environment, and the sentence that names all wrong ones at once."""

from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from common.configuration.addresses import parse_bind
from common.contract.messages import MAX_REQUEST_BYTES
from common.contract.topology import CLOCK_SKEW_S, RETENTION_S
from common.errors import Misconfigured
from common.settings import BrokerSettings, Settings, TelemetrySettings, read_settings
from gateway.settings import GatewaySettings
from predictor_service.settings import DemoSettings, PredictorSettings

LONGEST_LIFE_S: Final = RETENTION_S - CLOCK_SKEW_S

BAD: Final[dict[type[Settings], dict[str, str]]] = {
    BrokerSettings: {"RABBITMQ_PORT": "70000", "RABBITMQ_SYNC_QUEUE_TYPE": "stream"},
    TelemetrySettings: {"LOG_LEVEL": "loud", "OTEL_EXPORTER_OTLP_ENDPOINT": "localhost:4318"},
    GatewaySettings: {
        "GATEWAY_BIND": "8080",
        "GATEWAY_WORKERS": "65",
        "DEFAULT_MODEL": "a.b",
        "GATEWAY_SYNC_TIMEOUT_S": "0",
        "GATEWAY_ASYNC_DEADLINE_S": "inf",
        "GATEWAY_RESULT_TTL_S": "nan",
        "GATEWAY_RESULT_CACHE_BYTES": "-1",
        "GATEWAY_MAX_IN_FLIGHT": "0",
        "GATEWAY_MAX_IN_FLIGHT_BYTES": "many",
        "GATEWAY_MAX_BODY_BYTES": str(MAX_REQUEST_BYTES + 1),
        "GATEWAY_DRAIN_S": "-35",
        "GATEWAY_API_KEYS": "open-sesame-open-sesame",
        "GATEWAY_RATE_LIMIT": "100",
        "GATEWAY_CORS_ORIGINS": "app.example",
        "GATEWAY_ALLOWED_HOSTS": "app.example:443",
    },
    PredictorSettings: {
        "PREDICTOR_CONCURRENCY": "0",
        "PREDICTOR_ISOLATION": "fork",
        "PREDICTOR_MAX_BATCH": "1001",
        "PREDICTOR_BATCH_WINDOW_MS": "nan",
        "PREDICTOR_TIMEOUT_S": "1501",
        "PREDICTOR_DRAIN_S": "0",
        "PREDICTOR_HEALTH_BIND": "localhost",
    },
    DemoSettings: {"DEMO_DELAY_S": "-1"},
}


@pytest.mark.parametrize("kind", BAD)
def test_one_error_names_every_wrong_variable(
    no_settings: pytest.MonkeyPatch, kind: type[Settings]
) -> None:
    for name, value in BAD[kind].items():
        no_settings.setenv(name, value)
    with pytest.raises(Misconfigured) as refused:
        read_settings(kind)
    sentence = str(refused.value)
    assert [name for name in BAD[kind] if f"{name}: " not in sentence] == []
    assert "\n" not in sentence


@pytest.mark.parametrize(
    ("kind", "name", "value"),
    [(kind, name, value) for kind, bad in BAD.items() for name, value in bad.items()],
)
def test_a_wrong_variable_is_named_and_no_other_is(
    no_settings: pytest.MonkeyPatch, kind: type[Settings], name: str, value: str
) -> None:
    no_settings.setenv(name, value)
    with pytest.raises(Misconfigured) as refused:
        read_settings(kind)
    named = {
        field.alias
        for field in kind.model_fields.values()
        if f"{field.alias}: " in str(refused.value)
    }
    assert named == {name}


@pytest.mark.parametrize("kind", BAD)
def test_the_defaults_are_usable_and_an_empty_variable_means_its_default(
    no_settings: pytest.MonkeyPatch, kind: type[Settings]
) -> None:
    defaults = read_settings(kind)
    for name in BAD[kind]:
        no_settings.setenv(name, "")
    assert read_settings(kind) == defaults


@pytest.mark.parametrize("kind", BAD)
def test_settings_are_frozen(no_settings: pytest.MonkeyPatch, kind: type[Settings]) -> None:
    field = next(iter(kind.model_fields))
    with pytest.raises(ValidationError, match="frozen"):
        setattr(read_settings(kind), field, "changed")


def test_a_prediction_may_live_as_long_as_the_stream_keeps_replies_and_no_longer(
    no_settings: pytest.MonkeyPatch,
) -> None:
    no_settings.setenv("GATEWAY_ASYNC_DEADLINE_S", "3600")
    no_settings.setenv("GATEWAY_RESULT_TTL_S", str(LONGEST_LIFE_S - 3600))
    assert read_settings(GatewaySettings).life_s == LONGEST_LIFE_S
    no_settings.setenv("GATEWAY_RESULT_TTL_S", str(LONGEST_LIFE_S - 3599))
    with pytest.raises(Misconfigured, match=r"GATEWAY_ASYNC_DEADLINE_S \+ GATEWAY_RESULT_TTL_S"):
        read_settings(GatewaySettings)


def test_a_sync_call_may_wait_as_long_as_the_broker_can_count_and_no_longer(
    no_settings: pytest.MonkeyPatch,
) -> None:
    """RabbitMQ closes the channel on an expiration of more than ten years."""
    no_settings.setenv("GATEWAY_SYNC_TIMEOUT_S", "315360000")
    assert read_settings(GatewaySettings).sync_timeout_s == 315_360_000
    no_settings.setenv("GATEWAY_SYNC_TIMEOUT_S", "315360000.001")
    with pytest.raises(Misconfigured, match="GATEWAY_SYNC_TIMEOUT_S"):
        read_settings(GatewaySettings)


def test_secrets_are_not_in_the_representation_of_settings(no_settings: pytest.MonkeyPatch) -> None:
    no_settings.setenv("RABBITMQ_DEFAULT_PASS", "open sesame")
    no_settings.setenv("GATEWAY_ID_SECRET", "open sesame")
    no_settings.setenv("GATEWAY_API_KEYS", "alice=open-sesame-for-me,bob=open-sesame-for-all")
    assert "sesame" not in repr(read_settings(BrokerSettings))
    assert "sesame" not in repr(read_settings(GatewaySettings))


@pytest.mark.parametrize("model", ["demo", "A-b_9", "0", "x" * 64])
def test_a_default_model_may_have_a_name_that_a_queue_may_have(
    no_settings: pytest.MonkeyPatch, model: str
) -> None:
    no_settings.setenv("DEFAULT_MODEL", model)
    assert read_settings(GatewaySettings).default_model == model


@pytest.mark.parametrize("model", ["x" * 65, "-a", "a/b", "a b", "é", "a\n"])
def test_a_default_model_with_another_name_is_refused(
    no_settings: pytest.MonkeyPatch, model: str
) -> None:
    no_settings.setenv("DEFAULT_MODEL", model)
    with pytest.raises(Misconfigured, match="DEFAULT_MODEL: "):
        read_settings(GatewaySettings)


@given(st.sampled_from(["localhost", "0.0.0.0", "[::1]", "gateway.example"]), st.integers(1, 65535))
def test_an_address_and_a_port_can_be_listened_on(host: str, port: int) -> None:
    assert parse_bind(f"{host}:{port}") == f"{host}:{port}"


@pytest.mark.parametrize("port", ["", "0", "-1", "65536", "http", "80 ", "8.0", "9" * 5000])
@pytest.mark.parametrize("host", ["localhost:", ":", ""])
def test_a_bind_that_is_no_address_and_port_is_refused(host: str, port: str) -> None:
    with pytest.raises(ValueError, match=r"^$"):  # the words are those of the form
        parse_bind(host + port)


def test_the_bytes_in_flight_hold_at_least_one_body(no_settings: pytest.MonkeyPatch) -> None:
    no_settings.setenv("GATEWAY_MAX_BODY_BYTES", "1000")
    no_settings.setenv("GATEWAY_MAX_IN_FLIGHT_BYTES", "1000")
    assert read_settings(GatewaySettings).max_in_flight_bytes == 1000
    no_settings.setenv("GATEWAY_MAX_IN_FLIGHT_BYTES", "999")
    with pytest.raises(Misconfigured, match="GATEWAY_MAX_IN_FLIGHT_BYTES may not be less"):
        read_settings(GatewaySettings)


@pytest.mark.parametrize(
    "keys",
    [
        *("open-sesame", "alice=open sesame", "a=sesame,b=sesame", "a:sesame"),
        "a=open-sesame-for-me,b=open-sesame-for-me",
    ],
)
def test_keys_that_cannot_be_read_are_not_in_the_error(
    no_settings: pytest.MonkeyPatch, keys: str
) -> None:
    no_settings.setenv("GATEWAY_API_KEYS", keys)
    with pytest.raises(Misconfigured, match="GATEWAY_API_KEYS: ") as refused:
        read_settings(GatewaySettings)
    assert "sesame" not in str(refused.value)
    assert "sesame" not in repr(refused.value.__cause__)
    assert "sesame" not in str(refused.value.__cause__)
