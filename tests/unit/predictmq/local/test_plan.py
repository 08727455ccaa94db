"""The plan of what ``make up`` starts."""

import pytest

from predictmq.local.plan import Plan, reachable


@pytest.mark.parametrize(
    ("bind", "expected"),
    [
        ("127.0.0.1:8080", "127.0.0.1:8080"),
        ("0.0.0.0:8080", "127.0.0.1:8080"),
        ("[::]:8080", "[::1]:8080"),
        ("*:8080", "127.0.0.1:8080"),
        ("gateway.example:80", "gateway.example:80"),
    ],
)
def test_a_server_is_reached_where_it_listens_or_on_the_loopback(bind: str, expected: str) -> None:
    assert reachable(bind) == expected


def test_a_plan_names_each_process_and_its_address() -> None:
    plan = Plan("0.0.0.0:8080", ("127.0.0.1:1", "127.0.0.1:2"), 1, 1)
    assert dict(zip(plan.names, plan.addresses, strict=True)) == {
        "gateway": "127.0.0.1:8080",
        "predictor-1": "127.0.0.1:1",
        "predictor-2": "127.0.0.1:2",
    }
