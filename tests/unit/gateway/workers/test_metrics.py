"""The metrics of several workers, merged into one text."""

from collections.abc import Mapping

import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import generate_latest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from gateway.workers.metrics import LabelledMetrics, merge


def exposition(number: int, calls: Mapping[str, int] | None = None) -> bytes:
    """Return the metrics of one worker: ``calls`` by route, and a memory of ``number``."""
    registry, labelled = CollectorRegistry(), CollectorRegistry()
    Gauge("memory", "Memory.", registry=registry).set(number)
    counter = Counter("calls", "Calls\nof a route.", ["route"], registry=registry)
    for route, count in (calls or {}).items():
        counter.labels(route).inc(count)
    labelled.register(LabelledMetrics(registry, number))
    return generate_latest(labelled)


def samples(text: bytes) -> list[Sample]:
    """Return the samples of a text, in its order."""
    families = list(text_string_to_metric_families(text.decode()))
    assert len({family.name for family in families}) == len(families)
    return [sample for family in families for sample in family.samples]


def test_each_sample_has_the_worker_that_it_is_of() -> None:
    merged = samples(merge([exposition(1), exposition(2)]))
    assert [(each.labels, each.value) for each in merged if each.name == "memory"] == [
        ({"worker": "1"}, 1),
        ({"worker": "2"}, 2),
    ]


def test_all_samples_of_a_metric_are_together_under_one_description() -> None:
    merged = merge([exposition(1, {"/a": 3}), exposition(2, {"/a": 4, "/b": 5})])
    assert merged.count(b"# TYPE calls_total counter") == 1
    assert [
        (each.labels["worker"], each.labels["route"], each.value)
        for each in samples(merged)
        if each.name == "calls_total"
    ] == [("1", "/a", 3), ("2", "/a", 4), ("2", "/b", 5)]


def test_a_metric_that_one_worker_alone_has_stays() -> None:
    other = CollectorRegistry()
    Gauge("more", "Of a newer version.", registry=other).set(7)
    merged = samples(merge([exposition(1), generate_latest(other)]))
    assert {each.name for each in merged} >= {"memory", "more"}


def test_a_histogram_keeps_its_buckets() -> None:
    registry, labelled = CollectorRegistry(), CollectorRegistry()
    Histogram("seconds", "Durations.", buckets=(1, 2), registry=registry).observe(1.5)
    labelled.register(LabelledMetrics(registry, 3))
    merged = samples(merge([generate_latest(labelled)]))
    assert {
        each.labels["le"]: (each.labels["worker"], each.value)
        for each in merged
        if each.name == "seconds_bucket"
    } == {"1.0": ("3", 0), "2.0": ("3", 1), "+Inf": ("3", 1)}


@pytest.mark.parametrize("route", ["# HELP x", 'a"b', "a\\nb", "a\n# HELP memory b", "}", ""])
def test_a_label_of_any_text_survives(route: str) -> None:
    merged = samples(merge([exposition(1, {route: 1}), exposition(2)]))
    assert [each.labels["route"] for each in merged if each.name == "calls_total"] == [route]
    assert [each.value for each in merged if each.name == "memory"] == [1, 2]


def test_nothing_is_merged_into_nothing() -> None:
    assert merge([]) == b""
    assert merge([b""]) == b""
