"""The metrics of a service, read from ``/metrics``."""

import httpx
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from tests.support.harness.services import Service


async def read_metrics(service: Service, timeout_s: float = 30.0) -> dict[str, float]:
    """Return the metrics without labels by their names; raises like ``read_samples``."""
    samples = await read_samples(service, timeout_s)
    return {sample.name: sample.value for sample in samples if not sample.labels}


async def read_samples(service: Service, timeout_s: float = 30.0) -> list[Sample]:
    """Return all metrics, with their labels.

    Raises:
        httpx.TransportError: the service does not answer.
    """
    async with httpx.AsyncClient(base_url=service.url, timeout=timeout_s) as http:
        text = (await http.get("/metrics")).text
    families = text_string_to_metric_families(text)
    return [sample for family in families for sample in family.samples]
