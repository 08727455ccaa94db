"""Server-sent events: all events of a prediction, at any gateway, without a gap."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final, Self

import httpx
import pytest

from tests.acceptance.http.events import ServerSent, following
from tests.support.harness.calls import accepted, client, final
from tests.support.harness.services import Cluster, Service
from tests.support.models.scripted import REPORTING, SCRIPTED

STEPS: Final = 6
SCRIPTED_TOO: Final = {
    "PREDICTOR_MODEL": f"{REPORTING['PREDICTOR_MODEL']},{SCRIPTED['PREDICTOR_MODEL']}"
}
Gateways = tuple[httpx.AsyncClient, httpx.AsyncClient]
Services = tuple[Service, Service]


class Gate:
    """A gate that each step of ``Reporting`` waits for."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.touch()

    def script(self, steps: int = STEPS, **more: Any) -> dict[str, Any]:
        """Return an input that waits for this gate."""
        return {"steps": steps, "gate": str(self._path)} | more

    def open(self, steps: int = 1) -> Self:
        """Let the model take ``steps`` more steps."""
        with self._path.open("a") as file:
            file.write("step\n" * steps)
        return self


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    return Gate(tmp_path / "gate")


@pytest.fixture
def services(cluster: Cluster) -> Services:
    settings = {"DEFAULT_MODEL": "reporting", "GATEWAY_SYNC_TIMEOUT_S": "8"}
    return cluster.gateway(**settings), cluster.gateway(**settings)


@pytest.fixture
async def gateways(cluster: Cluster, services: Services) -> AsyncIterator[Gateways]:
    predictor = cluster.predictor(**SCRIPTED_TOO, PREDICTOR_CONCURRENCY="2")
    for service in (*services, predictor):
        await service.ready()
    async with client(services[0].url) as a, client(services[1].url) as b:
        yield a, b


def steps(events: list[ServerSent]) -> list[str]:
    """Return the notes of all progress events, in their order."""
    return [event.data["note"] for event in events if event.name == "progress"]


def all_steps(first: int = 1) -> list[str]:
    """Return the notes of all steps of ``Reporting``, from ``first`` on."""
    return [f"step {step}" for step in range(first, STEPS + 1)]


@pytest.mark.parametrize("isolation", ["thread", "process"])
async def test_a_follower_gets_all_events_in_order_and_the_final_state_of_a_get(
    cluster: Cluster, services: Services, gate: Gate, isolation: str
) -> None:
    predictor = cluster.predictor(**REPORTING, PREDICTOR_ISOLATION=isolation)
    for service in (*services, predictor):
        await service.ready()
    async with client(services[0].url) as here, client(services[1].url) as there:
        prediction_id = await accepted(here, gate.script())
        told = []
        for gateway in (here, there):
            async with following(gateway, prediction_id) as stream:
                told.append(await stream.until("started"))
        async with following(here, prediction_id, told[0][-1].id) as stream:
            for step in range(1, STEPS + 1):
                gate.open()
                told[0] += await stream.until("progress", note=f"step {step}")
            told[0] += await stream.rest()
        async with following(there, prediction_id, told[1][-1].id) as stream:
            told[1] += await stream.rest()
        plain = await final(there, prediction_id)
    names = [event.name for event in told[0]]
    assert names == ["pending", "started", *["progress"] * STEPS, "succeeded"]
    assert told[0][1:] == told[1][1:]
    assert told[0][2].data == {"fraction": pytest.approx(1 / STEPS), "note": "step 1"}
    assert told[0][-1].data == plain.json()
    ids = [int(event.id) for event in told[0]]
    assert ids == sorted(set(ids))


async def test_a_follower_cut_at_one_gateway_resumes_at_the_other_without_a_gap(
    gateways: Gateways, gate: Gate
) -> None:
    here, there = gateways
    prediction_id = await accepted(here, gate.script())
    async with following(there, prediction_id) as witness:
        complete = await witness.until("started")
        async with following(here, prediction_id) as stream:
            told = await stream.until("started")
            gate.open(1)
            told += await stream.until("progress", note="step 1")
            cut_at = stream.last_id
        for step in (1, 2, 3):  # while nobody is connected here
            gate.open(step > 1)
            complete += await witness.until("progress", note=f"step {step}")
        async with following(there, prediction_id, cut_at) as stream:
            told += await stream.until("progress", note="step 3")
            gate.open(1)
            told += await stream.until("progress", note="step 4")
            cut_at = stream.last_id
        complete += await witness.until("progress", note="step 4")
        for step in (5, 6):
            gate.open(1)
            complete += await witness.until("progress", note=f"step {step}")
        async with following(here, prediction_id, cut_at) as stream:
            told += await stream.rest()
        complete += await witness.rest()
    assert steps(told) == all_steps()
    assert told[1:] == complete[1:]


async def test_a_follower_resumes_from_any_event_also_after_the_final_state(
    gateways: Gateways, gate: Gate
) -> None:
    here, there = gateways
    prediction_id = await accepted(here, gate.script())
    async with following(here, prediction_id) as stream:
        told = await stream.until("started")
        for step in range(1, STEPS + 1):
            gate.open()
            told += await stream.until("progress", note=f"step {step}")
        told += await stream.rest()
    for place, event in enumerate(told[:-1]):
        for gateway in (here, there):
            async with following(gateway, prediction_id, event.id) as stream:
                assert await stream.rest() == told[place + 1 :]
    for gateway in (here, there):
        headers = {"Accept": "text/event-stream", "Last-Event-ID": told[-1].id}
        over = await gateway.get(f"/predict/{prediction_id}", headers=headers)
        assert (over.status_code, over.content) == (204, b"")


async def test_events_during_a_resume_are_sent_once(gateways: Gateways, tmp_path: Path) -> None:
    here, _ = gateways
    for number in range(20):
        gate = Gate(tmp_path / str(number))
        prediction_id = await accepted(here, gate.script(1))
        told: list[ServerSent] = []
        for gateway in gateways * 10:  # cut after each event, whatever it is
            async with following(gateway, prediction_id, told[-1].id if told else "") as stream:
                if event := await stream.next():
                    told.append(event)
            if told[-1].name == "started":
                gate.open()  # the rest happens while it resumes
            if told[-1].name == "succeeded":
                break
        names = [event.name for event in told if event.name != "pending"]
        assert names == ["started", "progress", "succeeded"]


async def test_a_failure_has_the_same_body_as_an_event_and_as_a_get(gateways: Gateways) -> None:
    here, there = gateways
    prediction_id = await accepted(here, {"steps": 0, "then": "refuse"})
    for gateway in (there, here):
        async with following(gateway, prediction_id) as stream:
            last = (await stream.rest())[-1]
        assert (last.name, last.data) == ("failed", {"error": "The model knows no such thing."})
        async with following(gateway, prediction_id) as stream:
            assert await stream.rest() == [last]
    assert (await there.get(f"/predict/{prediction_id}")).json() == last.data


async def test_a_prediction_that_no_predictor_starts_ends_as_a_dead_letter_for_its_follower(
    cluster: Cluster,
) -> None:
    settings = {"GATEWAY_ASYNC_DEADLINE_S": "1", "GATEWAY_RESULT_TTL_S": "60"}
    services = cluster.gateway(**settings), cluster.gateway(**settings)
    for service in services:
        await service.ready()
    async with client(services[0].url) as here, client(services[1].url) as there:
        prediction_id = await accepted(here, 1)
        async with following(there, prediction_id) as stream:
            pending, dead = await stream.rest()
        assert (pending.name, dead.name) == ("pending", "dead-lettered")
        plain = await final(here, prediction_id)
        assert (plain.status_code, plain.json()) == (504, dead.data)


async def test_a_follower_gets_a_cancel_at_another_gateway_as_the_final_state(
    gateways: Gateways, gate: Gate
) -> None:
    here, there = gateways
    prediction_id = await accepted(here, gate.script())
    async with following(here, prediction_id) as stream:
        await stream.until("started")
        assert (await there.delete(f"/predict/{prediction_id}")).status_code == 204
        (last,) = await stream.rest()
    assert (last.name, last.data) == ("cancelled", {"error": "Prediction was cancelled."})
    gate.open(STEPS)


async def test_an_input_on_many_lines_is_one_data_line_of_its_event(gateways: Gateways) -> None:
    body = b'{"input": {\r\n"steps":\n1,\r"note": "a\\nb"}}'
    headers = {"Content-Type": "application/json", "Async-Mode": "true"}
    posted = await gateways[0].post("/predict", content=body, headers=headers)
    async with following(gateways[1], posted.json()["prediction_id"]) as stream:
        last = (await stream.rest())[-1]
    assert last.data["output"]["input"] == {"steps": 1, "note": "a\nb"}


@pytest.mark.parametrize(
    ("path", "last_id", "status"),
    [
        ("unknown", "", 404),
        ("unknown", "7", 404),
        ("unknown", "seven", 404),
        (None, "seven", 400),
        (None, "9" * 19, 400),
    ],
)
async def test_a_follower_of_an_unknown_id_or_from_a_malformed_event_id_is_refused(
    gateways: Gateways, path: str | None, last_id: str, status: int
) -> None:
    path = path or await accepted(gateways[0], {"steps": 1})
    headers = {"Accept": "text/event-stream", "Last-Event-ID": last_id}
    answer = await gateways[1].get(f"/predict/{path}", headers=headers)
    assert answer.status_code == status
    assert list(answer.json()) == ["error"]


@pytest.mark.parametrize("accept", ["*/*", "application/json, text/event-stream;q=0.5", ""])
async def test_events_are_sent_only_to_clients_that_prefer_an_event_stream(
    gateways: Gateways, accept: str
) -> None:
    prediction_id = await accepted(gateways[0], {"steps": 1})
    await final(gateways[0], prediction_id)
    answer = await gateways[0].get(f"/predict/{prediction_id}", headers={"Accept": accept})
    assert answer.headers["content-type"] == "application/json"
    head = await gateways[0].head(
        f"/predict/{prediction_id}", headers={"Accept": "text/event-stream"}
    )
    assert head.status_code == 200


async def test_a_pending_problem_has_the_progress_of_the_prediction(
    gateways: Gateways, gate: Gate
) -> None:
    prediction_id = await accepted(gateways[0], gate.script(2))
    gate.open(1)
    async with following(gateways[1], prediction_id) as stream:
        await stream.until("progress")
    problems = {"Accept": "application/problem+json"}
    answer = await gateways[1].get(f"/predict/{prediction_id}", headers=problems)
    assert answer.status_code == 202
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["retry-after"] == "1"
    told = answer.json()
    assert (told["status"], told["code"]) == (202, "pending")
    assert told["progress"] == {"fraction": 0.5, "note": "step 1"}
    plain = await gateways[1].get(f"/predict/{prediction_id}")
    assert plain.text == '{"error": "Prediction is still being processed."}'


async def test_a_sync_call_of_a_model_that_reports_progress_publishes_no_event(
    gateways: Gateways,
) -> None:
    answer = await gateways[0].post("/predict", json={"input": {"steps": 3}})
    assert answer.json() == {"input": {"steps": 3}, "result": 3}
    metrics = (await gateways[1].get("/metrics")).text
    assert 'predictmq_results_recorded_total{state="succeeded"} 0.0' in metrics


async def test_followers_of_a_gateway_that_ends_resume_at_another(
    gateways: Gateways, services: Services, gate: Gate
) -> None:
    here, there = gateways
    prediction_id = await accepted(here, gate.script())
    async with following(here, prediction_id) as stream:
        told = await stream.until("started")
        gate.open(1)
        told += await stream.until("progress", note="step 1")
        started_s = time.monotonic()
        services[0].terminate()
        told += await stream.rest()
        assert await services[0].exit_code(timeout_s=10) == 0
        assert time.monotonic() - started_s < 6
        gate.open(STEPS - 1)
    async with following(there, prediction_id, stream.last_id) as stream:
        told += await stream.rest()
    assert told[-1].name == "succeeded"
    assert steps(told)[0] == "step 1"
    assert steps(told)[-1] == f"step {STEPS}"


async def test_followers_that_disconnect_leave_no_event_stream_open(
    gateways: Gateways, services: Services, gate: Gate
) -> None:
    prediction_id = await accepted(gateways[0], gate.script())

    async def follow() -> None:
        async with following(gateways[0], prediction_id) as stream:
            await stream.rest()

    vanishing = [asyncio.create_task(follow()) for _ in range(20)]
    await services[0].reads("predictmq_event_streams 20.0")
    for task in vanishing:
        task.cancel()
    await services[0].reads("predictmq_event_streams 0.0", timeout_s=5)
    gate.open(STEPS)
    assert (await final(gateways[0], prediction_id)).status_code == 200
