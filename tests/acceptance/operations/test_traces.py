"""One trace for each prediction, through both services, as a collector receives it."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent
from typing import Final

import pytest

from predictmq.local.ports import LOOPBACK, free_port
from tests.acceptance.operations.collector import Collector, Span
from tests.support.harness.calls import ASYNC, accepted, client, final
from tests.support.harness.services import Cluster, Service
from tests.support.models.scripted import SCRIPTED

TRACE_ID: Final = "4bf92f3577b34da6a3ce929d0e0e4736"
CALLER_ID: Final = "00f067aa0ba902b7"
TRACED: Final = {"traceparent": f"00-{TRACE_ID}-{CALLER_ID}-01", "tracestate": "vendor=1"}
SLOW: Final = {"nonce": 1, "sleep_s": 0.05}


@pytest.fixture
def collector() -> Iterator[Collector]:
    """The collector that the services export to."""
    with Collector() as receiver:
        yield receiver


async def _started(
    cluster: Cluster, settings: dict[str, str], **of_predictor: str
) -> tuple[Service, Service]:
    gateway = cluster.gateway(DEFAULT_MODEL="scripted", **settings)
    predictor = cluster.predictor(**SCRIPTED, **settings, **of_predictor)
    await gateway.ready()
    await predictor.ready()
    return gateway, predictor


def _check(trace: list[Span], queue: str, replies: str, is_anonymous: bool) -> None:
    """Check the chain from the caller to the reply: each span but one is the next one's parent."""
    http, request, serving, model, reply, receiving = trace
    assert [(span.service, span.kind) for span in trace] == [
        ("predictmq-gateway", "SERVER"),
        ("predictmq-gateway", "PRODUCER"),
        ("predictmq-predictor", "CONSUMER"),
        ("predictmq-predictor", "INTERNAL"),
        ("predictmq-predictor", "PRODUCER"),
        ("predictmq-gateway", "CONSUMER"),
    ]
    suffix = "" if is_anonymous else f" {replies}"
    assert [span.name for span in trace] == [
        "POST /predict",
        f"publish {queue}",
        f"process {queue}",
        "predict scripted",
        f"publish{suffix}",
        f"process{suffix}",
    ]
    assert http.parent_id == CALLER_ID
    assert request.parent_id == http.span_id
    assert serving.parent_id == request.span_id
    assert model.parent_id == reply.parent_id == serving.span_id
    assert receiving.parent_id == reply.span_id
    assert serving.links == ((TRACE_ID, request.span_id),)
    assert {span.state for span in trace} == {"vendor=1"}
    assert not any(span.is_error for span in trace)
    assert model.ended_ns - model.started_ns >= 50_000_000
    assert serving.started_ns <= model.started_ns < model.ended_ns <= reply.started_ns
    assert reply.ended_ns <= serving.ended_ns


def _check_attributes(trace: list[Span], queue: str, prediction_id: str) -> None:
    http, request, serving, model, _, receiving = trace
    assert http.attributes["http.route"] == http.attributes["url.path"] == "/predict"
    assert http.attributes["http.request.method"] == "POST"
    assert http.attributes["predictmq.correlation_id"] == prediction_id
    for span, operation in ((request, "send"), (serving, "process"), (receiving, "process")):
        assert span.attributes["messaging.system"] == "rabbitmq"
        assert span.attributes["messaging.operation.type"] == operation
        assert span.attributes["messaging.message.conversation_id"] == prediction_id
    assert request.attributes["messaging.destination.name"] == queue
    assert request.attributes["messaging.rabbitmq.destination.routing_key"] == queue
    assert serving.attributes["predictmq.state"] == "succeeded"
    assert serving.attributes["predictmq.queue_ms"] >= 0
    assert serving.attributes["predictmq.model_ms"] >= 50
    assert model.attributes["predictmq.model"] == "scripted"
    assert model.attributes["predictmq.batch_size"] == 1


@pytest.mark.parametrize("isolation", ["thread", "process"])
async def test_a_sync_call_is_one_trace_from_its_caller_to_its_reply(
    cluster: Cluster, collector: Collector, isolation: str
) -> None:
    gateway, predictor = await _started(cluster, collector.settings, PREDICTOR_ISOLATION=isolation)
    async with client(gateway.url) as http:
        answer = await http.post("/predict", json={"input": SLOW}, headers=TRACED)
    assert answer.status_code == 200
    trace = await collector.trace(TRACE_ID, 6)
    ended_last = sorted(trace, key=lambda span: span.ended_ns)
    receiving = next(span for span in ended_last if span.name == "process")
    trace = [*(span for span in trace if span is not receiving), receiving]
    queue = "predictions.scripted.sync"
    _check(trace, queue, "", is_anonymous=True)
    _check_attributes(trace, queue, trace[1].attributes["messaging.message.conversation_id"])
    assert trace[0].attributes["http.response.status_code"] == 200
    assert trace[0].started_ns < receiving.ended_ns < trace[0].ended_ns
    for service in (gateway, predictor):
        await service.logs(f'"trace_id":"{TRACE_ID}"')


async def test_an_async_prediction_is_one_trace_with_a_last_span_of_every_gateway(
    cluster: Cluster, collector: Collector
) -> None:
    gateway, _ = await _started(cluster, collector.settings)
    other = cluster.gateway(DEFAULT_MODEL="scripted", **collector.settings)
    await other.ready()
    async with client(gateway.url) as http:
        answer = await http.post("/predict", json={"input": SLOW}, headers=TRACED | ASYNC)
    assert answer.status_code == 202
    trace = await collector.trace(TRACE_ID, 7)
    queue, replies = "predictions.scripted.async", "predictions.replies"
    endings = [span for span in trace if span.name == f"process {replies}"]
    assert len(endings) == 2
    before = [span for span in trace if span not in endings]
    for ending in endings:
        _check([*before, ending], queue, replies, is_anonymous=False)
        _check_attributes([*before, ending], queue, answer.json()["prediction_id"])
    assert before[0].attributes["http.response.status_code"] == 202
    assert before[0].attributes["predictmq.state"] == "accepted"


async def test_a_failure_is_an_error_in_every_span_that_it_ends(
    cluster: Cluster, collector: Collector
) -> None:
    gateway, _ = await _started(cluster, collector.settings)
    script = {"nonce": 1, "then": "raise"}
    async with client(gateway.url) as http:
        answer = await http.post("/predict", json={"input": script}, headers=TRACED)
    assert answer.status_code == 500
    trace = await collector.trace(TRACE_ID, 6)
    failed = [span for span in trace if span.is_error]
    assert [span.name for span in failed] == [
        "POST /predict",
        "process predictions.scripted.sync",
        "predict scripted",
    ]
    assert {span.attributes["error.type"] for span in failed} == {"model_failed"}
    assert "a secret of the model" not in str(trace)


SIZES: Final = dedent("""
    class Sizes:
        def predict(self, input: int) -> int:
            return input

        def predict_batch(self, inputs: list[int]) -> list[int]:
            return inputs
""")


async def test_a_batch_is_one_model_call_that_is_linked_to_each_of_its_requests(
    cluster: Cluster, collector: Collector, tmp_path: Path
) -> None:
    (tmp_path / "sizes.py").write_text(SIZES)
    gateway = cluster.gateway(DEFAULT_MODEL="sizes", **collector.settings)
    await gateway.ready()
    async with client(gateway.url) as http:
        for number in range(3):  # wait for a predictor, in the queue
            await accepted(http, number)
        predictor = cluster.predictor_in(
            tmp_path,
            PREDICTOR_MODEL="sizes=sizes:Sizes",
            PREDICTOR_MAX_BATCH="3",
            PREDICTOR_BATCH_WINDOW_MS="10000",
            **collector.settings,
        )
        await predictor.ready()
        last = await accepted(http, 3)
        await final(http, last)
    predictor.terminate()
    assert await predictor.exit_code(timeout_s=20) == 0
    served = {s.span_id: s for s in collector.spans if s.name == "process predictions.sizes.async"}
    calls = [span for span in collector.spans if span.name == "predict sizes"]
    assert len(served) == 4
    assert sum(call.attributes["predictmq.batch_size"] for call in calls) == 4
    (shared,) = [call for call in calls if call.attributes["predictmq.batch_size"] > 1]
    assert shared.parent_id == ""
    assert len(shared.links) == shared.attributes["predictmq.batch_size"]
    for trace_id, span_id in shared.links:
        assert served[span_id].trace_id == trace_id != shared.trace_id
        assert (shared.trace_id, shared.span_id) in served[span_id].links


async def test_a_service_without_a_collector_does_not_import_opentelemetry(
    cluster: Cluster,
) -> None:
    tells_imports = {"PYTHONPROFILEIMPORTTIME": "1"}
    gateway, predictor = await _started(cluster, tells_imports)
    async with client(gateway.url) as http:
        answer = await http.post("/predict", json={"input": {"nonce": 1}}, headers=TRACED)
        assert answer.status_code == 200
    for service in (gateway, predictor):
        assert "common.telemetry.tracing" in service.log
        assert "opentelemetry" not in service.log


async def test_an_unreachable_collector_disturbs_no_call_and_no_shutdown(cluster: Cluster) -> None:
    away = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{LOOPBACK}:{free_port()}"}
    gateway, predictor = await _started(cluster, away)
    async with client(gateway.url) as http:
        answers = await asyncio.gather(
            *(http.post("/predict", json={"input": {"nonce": n}}) for n in range(50))
        )
        assert [answer.json()["result"] for answer in answers[1:]] == list(range(1, 50))
    for service in (predictor, gateway):
        service.terminate()
    for service in (predictor, gateway):
        assert await service.exit_code(timeout_s=10) == 0


async def test_a_tracer_that_is_not_installed_is_one_sentence_that_says_what_to_install(
    cluster: Cluster, tmp_path: Path
) -> None:
    (tmp_path / "opentelemetry.py").write_text(
        "raise ModuleNotFoundError('No module', name='opentelemetry')"
    )
    endpoint = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://localhost:4318"}
    predictor = cluster.predictor_in(tmp_path, **endpoint)
    assert await predictor.exit_code(timeout_s=20) == 2
    assert predictor.log.splitlines() == [
        "predictor: OTEL_EXPORTER_OTLP_ENDPOINT needs the package opentelemetry, which is not "
        "installed: pip install 'predictmq[otel]', or make up EXTRAS=otel."
    ]
