"""The hosts that requests may name, as settings say and as browsers send them."""

from ipaddress import IPv4Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.access.hosts import AllowedHosts
from gateway.settings import GatewaySettings

LOOPBACK = [
    *("localhost", "LocalHost", "localhost.", "app.localhost"),
    *("127.0.0.1", "127.1.2.3", "127.1", "[::1]", "[0:0:0:0:0:0:0:1]"),
]
STRANGERS = [
    *("", "x", "evil.example", "localhost.evil.example", "notlocalhost", "127.0.0.1.evil.example"),
    *("evil.example.", "localhost..", "local", "0.0.0.0", "[::]", "10.0.0.5", "128.0.0.1"),
    *("[::2]", "[::1", "2130706431", "*", "xn--bcher-kva.example"),
]
PORTS = ["", ":", ":80", ":8080", ":65535"]


def allowed(settings: pytest.MonkeyPatch, bind: str, hosts: str = "") -> AllowedHosts | None:
    """Return the hosts that a gateway with these settings allows."""
    settings.setenv("GATEWAY_BIND", bind)
    settings.setenv("GATEWAY_ALLOWED_HOSTS", hosts)
    return AllowedHosts.of(GatewaySettings())


@pytest.mark.parametrize(
    "bind",
    [
        *("127.0.0.1:8080", "localhost:8080", "[::1]:8080", "127.1:8080", "LOCALHOST:8080"),
        *("127.0.0.1:8080,[::1]:8080", "[::1]:1,127.0.0.2:2", "a.localhost:8080"),
    ],
)
def test_a_gateway_on_the_loopback_allows_the_names_of_the_loopback_alone(
    no_settings: pytest.MonkeyPatch, bind: str
) -> None:
    hosts = allowed(no_settings, bind)
    assert hosts is not None
    for port in PORTS:
        assert [host for host in LOOPBACK if not hosts.accepts(host + port)] == []
        assert [host for host in STRANGERS if hosts.accepts(host + port)] == []
        assert not hosts.accepts_health_check("10.0.0.5" + port)


@pytest.mark.parametrize(
    "bind",
    ["*:8080", "0.0.0.0:8080", "[::]:8080", "10.0.0.5:8080", "127.0.0.1:8080,10.0.0.5:8080"],
)
def test_a_gateway_on_a_network_allows_any_host_unless_some_are_set(
    no_settings: pytest.MonkeyPatch, bind: str
) -> None:
    assert allowed(no_settings, bind) is None
    assert allowed(no_settings, bind, "api.example") is not None


@pytest.mark.parametrize("bind", ["127.0.0.1:8080", "*:8080"])
def test_a_star_among_the_hosts_allows_any(no_settings: pytest.MonkeyPatch, bind: str) -> None:
    assert allowed(no_settings, bind, "api.example,*") is None


@pytest.mark.parametrize("bind", ["127.0.0.1:8080", "*:8080", "0.0.0.0:8080", "[::]:8080"])
def test_hosts_that_are_set_are_allowed_beside_those_of_the_loopback(
    no_settings: pytest.MonkeyPatch, bind: str
) -> None:
    hosts = allowed(no_settings, bind, "API.example.,10.0.0.6,2001:DB8::1,bücher.example")
    assert hosts is not None
    named = ["api.example", "Api.Example", "10.0.0.6", "[2001:db8::1]", "xn--bcher-kva.example"]
    strangers = set(STRANGERS) - set(named) | {"a.api.example", "api.example.evil.example"}
    for port in PORTS:
        assert [host for host in LOOPBACK + named if not hosts.accepts(host + port)] == []
        assert [host for host in strangers if hosts.accepts(host + port)] == []


def test_what_a_gateway_listens_on_is_a_host_of_it(no_settings: pytest.MonkeyPatch) -> None:
    hosts = allowed(
        no_settings, "gateway.internal:8080,10.0.0.5:80,[2001:db8::2]:80", "api.example"
    )
    assert hosts is not None
    for host in ("gateway.internal", "10.0.0.5", "[2001:db8::2]", "api.example"):
        assert hosts.accepts(f"{host}:8080")


def test_a_health_check_on_a_network_may_name_any_address(no_settings: pytest.MonkeyPatch) -> None:
    hosts = allowed(no_settings, "*:8080", "api.example")
    assert hosts is not None
    assert hosts.accepts_health_check("10.42.0.7:8080")
    assert hosts.accepts_health_check("[2001:db8::7]:8080")
    assert not hosts.accepts_health_check("evil.example")


@given(
    st.sampled_from([*LOOPBACK, "api.example"]) | st.text("localhst.127:[]0-", max_size=20),
    st.sampled_from([".evil.example", "-evil.example", ".localhost.example", "x"]),
    st.sampled_from(PORTS),
)
def test_a_name_of_another_domain_is_refused_whatever_it_begins_with(
    beginning: str, end: str, port: str
) -> None:
    hosts = AllowedHosts(["api.example"], has_network=False)
    assert not hosts.accepts(beginning + end + port)


@given(st.integers(0, 2**24 - 1), st.sampled_from(PORTS))
def test_every_address_of_the_loopback_is_allowed(number: int, port: str) -> None:
    hosts = AllowedHosts([], has_network=False)
    assert hosts.accepts(f"{IPv4Address((127 << 24) + number)}{port}")
    assert not hosts.accepts(f"{IPv4Address((128 << 24) + number)}{port}")
