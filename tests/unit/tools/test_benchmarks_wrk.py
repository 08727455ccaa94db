"""The requests that the benchmarks have wrk send, and the reading of its output."""

from pathlib import Path

import pytest

from tests.benchmarks.wrk import Call, Load, WrkFailed, read_output

PRINTED = """\
Running 3s test @ http://127.0.0.1:8080/predict
  1 threads and 32 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency    13.10ms    3.29ms  51.05ms   89.20%
    Req/Sec     2.46k   159.21     2.66k    80.00%
  Latency Distribution
     50%  500.00us
     75%   14.01ms
     90%   16.35ms
     99%    1.05s
  7351 requests in 3.00s, 1.12MB read
"""
REST = "Requests/sec:   2450.12\nTransfer/sec:    382.83KB\n"


def test_rates_and_latencies_are_read_whatever_their_units() -> None:
    load = read_output(PRINTED + REST)
    assert load == Load(per_s=7351 / 3, p50_ms=0.5, p99_ms=1050.0, succeeded=7351, failed=0)


def test_answers_that_are_no_success_do_not_count() -> None:
    load = read_output(f"{PRINTED}  Non-2xx or 3xx responses: 351\n{REST}")
    assert (load.per_s, load.succeeded, load.failed) == (7000 / 3, 7000, 351)


def test_errors_of_sockets_are_failures() -> None:
    errors = "  Socket errors: connect 1, read 2, write 0, timeout 4\n"
    load = read_output(PRINTED + errors + REST)
    assert (load.succeeded, load.failed) == (7351, 7)


@pytest.mark.parametrize("text", ["", "unable to connect", PRINTED.replace("99%", "98%")])
def test_an_output_without_a_result_is_refused(text: str) -> None:
    with pytest.raises(WrkFailed):
        read_output(text)


def test_a_call_without_a_body_is_a_get(tmp_path: Path) -> None:
    assert Call().script(tmp_path) == ""


def test_a_body_goes_through_a_file_as_it_is(tmp_path: Path) -> None:
    script = Call(b'{"input": "\xc3\xa9"}', is_async=True).script(tmp_path)
    assert 'wrk.method = "POST"' in script
    assert 'wrk.headers["Async-Mode"] = "true"' in script
    assert (tmp_path / "body.json").read_bytes() == b'{"input": "\xc3\xa9"}'
