"""A load of concurrent calls for a while, and the output of their times."""

import asyncio
import json
import os
import time
from collections.abc import Awaitable, Callable
from typing import Final

from tests.benchmarks.figures import percentile

WARM_UP_S: Final = 0.5
BODY: Final = b'{"input": "' + b"x" * 87 + b'"}'


async def keep_calling(call: Callable[[], Awaitable[object]]) -> None:
    """``BENCH_IN_FLIGHT`` callers for ``BENCH_SECONDS``; prints one line of JSON."""
    in_flight, seconds = int(os.environ["BENCH_IN_FLIGHT"]), float(os.environ["BENCH_SECONDS"])
    warmed_up = await _callers(call, in_flight, WARM_UP_S)
    before_s, started_s = time.process_time(), time.perf_counter()
    times_ms = await _callers(call, in_flight, seconds)
    elapsed_s, used_s = time.perf_counter() - started_s, time.process_time() - before_s
    sample = {
        "per_s": len(times_ms) / elapsed_s,
        "p50_ms": percentile(times_ms, 50),
        "p99_ms": percentile(times_ms, 99),
        "cpu_client_us": used_s * 1e6 / len(times_ms),
        "calls": float(len(warmed_up) + len(times_ms)),
    }
    print(json.dumps(sample), flush=True)


async def _callers(
    call: Callable[[], Awaitable[object]], in_flight: int, seconds: float
) -> list[float]:
    times_ms: list[float] = []
    end_s = time.perf_counter() + seconds

    async def caller() -> None:
        while (started_s := time.perf_counter()) < end_s:
            await call()
            times_ms.append((time.perf_counter() - started_s) * 1000)

    async with asyncio.TaskGroup() as callers:
        for _ in range(in_flight):
            callers.create_task(caller())
    return times_ms
