"""OpenTelemetry's own variables: a wrong one is named and its value is not."""

import pytest

from common.errors import Misconfigured
from common.service import open_tracer

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OTEL_EXPORTER_OTLP_HEADERS", "sesame"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "sesame"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "sesame"),
        ("OTEL_BSP_SCHEDULE_DELAY", "sesame"),
        ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "999999"),
        ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "sesame"),
        ("OTEL_TRACES_SAMPLER", "sesame"),
        ("OTEL_RESOURCE_ATTRIBUTES", "sesame"),
    ],
)
def test_a_variable_that_the_sdk_cannot_use_is_named_without_its_value(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, name: str, value: str
) -> None:
    monkeypatch.setenv(ENDPOINT, "http://127.0.0.1:9")
    monkeypatch.setenv(name, value)
    with (
        pytest.raises(Misconfigured, match=name) as refused,
        open_tracer("gateway", is_wanted=True),
    ):
        pass
    assert value not in str(refused.value)
    assert value not in caplog.text


def test_variables_that_the_sdk_can_use_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ENDPOINT, "http://127.0.0.1:9")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20sesame")
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "always_off")
    with open_tracer("gateway", is_wanted=True) as tracer:
        assert tracer is not None
