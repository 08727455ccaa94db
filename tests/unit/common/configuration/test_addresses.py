"""Hosts, addresses to listen on, and URLs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.configuration.addresses import BIND, HOST, HTTP_URL

HOSTS = [
    *("localhost", "rabbitmq", "rabbitmq.example", "rabbit_1", "a-b.c9", "RabbitMQ.Example."),
    *("127.0.0.1", "10.0.0.5", "127.1", "::1", "fe80::1%eth0", "2001:db8::5672", "bücher.example"),
    ".".join(["x" * 63] * 3),
]
NO_HOSTS = [
    *("a b", "a/b", "user@host", "-a", "a-", "a..b", ".a", "*", "x" * 64, ".".join(["x" * 63] * 4)),
    *(
        "5672",
        "256.1.1.1",
        "1.2.3.4.5",
        "10.0.0.0/8",
        "a.0x1",
        "1::2::3",
        ":",
        "::1]",
        "host,other",
    ),
]


@pytest.mark.parametrize("host", HOSTS)
def test_a_name_and_an_address_of_either_family_is_a_host(host: str) -> None:
    assert HOST.read(host) == host


@pytest.mark.parametrize("host", NO_HOSTS)
def test_what_no_resolver_would_take_is_no_host(host: str) -> None:
    with pytest.raises(ValueError, match="expected a host name or an address, such as"):
        HOST.read(host)


@pytest.mark.parametrize(
    ("host", "reason"),
    [
        ("amqp://guest:sesame@rabbitmq", "is a URL"),
        ("amqps://rabbitmq:5671/", "is a URL"),
        ("localhost:5672", "has a port, which is RABBITMQ_PORT"),
        (":5672", "has a port, which is RABBITMQ_PORT"),
        ("[::1]", "has brackets, without which an IPv6 address stands here"),
        ("[::1]:5672", "has brackets, without which an IPv6 address stands here"),
        ("localhost ", "has white space"),
        ("local\thost", "has white space"),
        ("localhost\r", "has white space"),
    ],
)
def test_the_refusal_of_a_likely_mistake_says_which_it_is(host: str, reason: str) -> None:
    with pytest.raises(ValueError, match=f"^{reason}; expected a host") as refused:
        HOST.read(host)
    assert "sesame" not in str(refused.value)


@pytest.mark.parametrize(
    "host", ["localhost", "0.0.0.0", "[::1]", "[::]", "::1", "gateway.example"]
)
@given(port=st.integers(1, 65_535))
def test_an_address_and_a_port_can_be_listened_on(host: str, port: int) -> None:
    assert BIND.read(f"{host}:{port}") == f"{host}:{port}"


@pytest.mark.parametrize(
    "port", ["", "0", "-1", "65536", "http", "80 ", "8.0", "٣", "1_0", "9" * 5000]
)
@pytest.mark.parametrize("host", ["localhost:", ":", "", "127.0.0.1:"])
def test_a_bind_without_a_port_is_refused(host: str, port: str) -> None:
    with pytest.raises(ValueError, match=r"^expected an address and a port, such as"):
        BIND.read(host + port)


@pytest.mark.parametrize(
    "host", [*NO_HOSTS, "[localhost]", "[127.0.0.1]", "[::1", "http://gateway"]
)
def test_a_bind_without_a_host_is_refused(host: str) -> None:
    with pytest.raises(ValueError, match=r"^expected an address and a port, such as"):
        BIND.read(f"{host}:8080")


@pytest.mark.parametrize(
    "url",
    [
        *("http://localhost:4318", "https://otel.example/v1/x?y=z", "HTTP://[::1]:4318/"),
        "http://user:sesame@collector.example",
    ],
)
def test_a_url_is_read(url: str) -> None:
    assert HTTP_URL.read(url) == url


@pytest.mark.parametrize(
    "url",
    [
        *(
            "localhost:4318",
            "grpc://localhost:4317",
            "http://",
            "http:/localhost",
            "//localhost",
            "x",
        ),
        *("http://localhost:0", "http://localhost:65536", "http://localhost:x", "http://[::1"),
        *("http://a b", "http://localhost/ x", " http://localhost", "http://a\n", "http://a..b"),
        *("http://user:sesame@local host", "http://sesame@[::1:4318", "http://a/" + "x" * 2000),
    ],
)
def test_a_malformed_url_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"^expected a URL, such as http://localhost:4318$"):
        HTTP_URL.read(url)


@given(st.text() | st.text("htps:/[]@.1a%# ", max_size=40))
def test_any_text_is_read_whole_or_refused_in_plain_words(value: str) -> None:
    for form in (HOST, BIND, HTTP_URL):
        said = f"expected {form.expected}"
        try:
            read = form.read(value)
        except ValueError as exc:
            said = str(exc)
            read = value
        assert read == value
        assert said.endswith(f"expected {form.expected}")
