"""Async predictions: their rate of acceptance, their time to a result, and look-ups."""

import http.client
import json
import time
from typing import Any, Final
from urllib.parse import urlsplit

from tests.benchmarks.contenders import BASE, CONSTANT, OURS, Running
from tests.benchmarks.figures import percentile
from tests.benchmarks.loaded import contenders, predict_body, put_under_load, warm_up
from tests.benchmarks.sample import Sample, Section
from tests.benchmarks.stage import Stage
from tests.benchmarks.wrk import Call

BODY: Final = predict_body(100)
ACCEPTING: Final = (OURS["quorum"], BASE, "celery")
FINISHED_ONE_BY_ONE: Final = 100
POLL_S: Final = 0.001
DRAIN_TIMEOUT_S: Final = 180.0
ASYNC: Final = {"Content-Type": "application/json", "Async-Mode": "true"}


def measure(stage: Stage) -> Section:
    """Measure ours, the base, the peer with ids, and the constant route: the least of a GET."""
    section = Section(stage.rounds, stage.seconds)
    with contenders(stage, section, (*ACCEPTING, CONSTANT)) as ready:
        for running in ready:
            warm_up(stage, running, Call(BODY))
        for _ in section.each_round():
            for running in ready:
                _measure_one(stage, section, running)
    return section


def _measure_one(stage: Stage, section: Section, running: Running) -> None:
    prediction_id = "any"
    if running.name != CONSTANT:
        put_under_load(stage, section, running, "accept", Call(BODY, is_async=True))
        with _Caller(running) as caller:
            prediction_id, _ = caller.finished()  # behind all that was accepted before
            section.add(running.name, "finish", _one_by_one(caller))
    call = Call(path=f"/predict/{prediction_id}")
    put_under_load(stage, section, running, "fetch", call)


def _one_by_one(caller: "_Caller") -> Sample:
    times_ms = [caller.finished()[1] * 1000 for _ in range(FINISHED_ONE_BY_ONE)]
    return {"p50_ms": percentile(times_ms, 50), "p99_ms": percentile(times_ms, 99)}


class _Caller:
    """A caller with one connection that asks for one prediction after the other."""

    def __init__(self, running: Running) -> None:
        address = urlsplit(running.url)
        self._http = http.client.HTTPConnection(
            str(address.hostname), address.port, timeout=DRAIN_TIMEOUT_S
        )

    def __enter__(self) -> "_Caller":
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def finished(self) -> tuple[str, float]:
        """Make an async call; returns its id and the seconds from its acceptance to its result."""
        status, accepted = self._ask("POST", "/predict", BODY)
        accepted_s = time.perf_counter()
        assert status == http.client.ACCEPTED, accepted
        path = f"/predict/{accepted['prediction_id']}"
        while (answer := self._ask("GET", path))[0] == http.client.ACCEPTED:
            assert time.perf_counter() < accepted_s + DRAIN_TIMEOUT_S, "it takes too long"
            time.sleep(POLL_S)
        assert answer[0] == http.client.OK, answer
        return accepted["prediction_id"], time.perf_counter() - accepted_s

    def _ask(self, method: str, path: str, body: bytes | None = None) -> tuple[int, Any]:
        self._http.request(method, path, body, ASYNC if body else {})
        answer = self._http.getresponse()
        return answer.status, json.loads(answer.read())
