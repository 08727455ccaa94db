"""Metrics in the text format of Prometheus."""

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest

from common.telemetry.metrics import (
    Distributions,
    ObservableMetric,
    ObservableMetrics,
    process_registry,
)


def test_observable_metrics_are_read_at_each_scrape_and_not_before() -> None:
    waiting: list[str] = []
    registry = CollectorRegistry()
    registry.register(
        ObservableMetrics([ObservableMetric("depth", "How deep.", lambda: len(waiting))], [])
    )
    for depth in range(3):
        assert f"depth {depth}.0" in generate_latest(registry).decode().splitlines()
        waiting.append("one more")


def test_a_counter_has_its_total_for_each_value_of_its_label() -> None:
    ended = {"succeeded": 2, "failed": 1}
    registry = CollectorRegistry()
    registry.register(
        ObservableMetrics([], [ObservableMetric("ended", "Ended.", lambda: ended, label="state")])
    )
    lines = generate_latest(registry).decode().splitlines()
    assert 'ended_total{state="succeeded"} 2.0' in lines
    assert 'ended_total{state="failed"} 1.0' in lines


def test_a_distribution_is_a_histogram_whose_buckets_count_all_below_their_bound() -> None:
    took = Distributions("took_seconds", "How long.", "model", (0.1, 1))
    for seconds in (0.05, 0.1, 0.5, 7):
        took.of("m").observe(seconds)
    registry = CollectorRegistry()
    registry.register(took)
    lines = generate_latest(registry).decode().splitlines()
    assert [line for line in lines if not line.startswith("#")] == [
        'took_seconds_bucket{le="0.1",model="m"} 2.0',
        'took_seconds_bucket{le="1.0",model="m"} 3.0',
        'took_seconds_bucket{le="+Inf",model="m"} 4.0',
        'took_seconds_count{model="m"} 4.0',
        'took_seconds_sum{model="m"} 7.65',
    ]


async def test_every_process_has_a_metric_with_its_version() -> None:
    lines = generate_latest(process_registry()).decode().splitlines()
    (built,) = [line for line in lines if line.startswith("predictmq_build_info{")]
    assert 'version="' in built
    assert built.endswith(" 1.0")
