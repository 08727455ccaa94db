"""Hosts, addresses to listen on, and URLs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.configuration.addresses import BIND, BINDS, HOST, HOSTS, HTTP_URL

VALID_HOSTS = [
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


@pytest.mark.parametrize("host", VALID_HOSTS)
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


ADDRESSES = st.builds(
    "{}:{}".format,
    st.sampled_from(["*", "localhost", "0.0.0.0", "[::1]", "[::]", "gateway.example"]),
    st.integers(1, 65_535),
)


@given(st.lists(ADDRESSES, min_size=1, unique=True))
def test_several_addresses_can_be_listened_on(binds: list[str]) -> None:
    assert BINDS.read(",".join(binds)) == tuple(binds)
    assert BINDS.read(f" {' , '.join(binds)} ") == tuple(binds)


@pytest.mark.parametrize(
    ("binds", "reason"),
    [
        ("8080", "entry 1 is not an address and a port"),
        ("*", "entry 1 is not an address and a port"),
        ("*:", "entry 1 is not an address and a port"),
        ("**:8080", "entry 1 is not an address and a port"),
        ("127.0.0.1:8080,", "entry 2 is not an address and a port"),
        ("127.0.0.1:8080 [::1]:8080", "entry 1 is not an address and a port"),
        ("127.0.0.1:8080,[::1]", "entry 2 is not an address and a port"),
        ("*:8080,*.example:8080", "entry 2 is not an address and a port"),
        ("127.0.0.1:8080,[::1]:8080,127.0.0.1:8080", "entry 3 was there before"),
    ],
)
def test_an_entry_that_cannot_be_listened_on_is_refused_by_its_place(
    binds: str, reason: str
) -> None:
    with pytest.raises(ValueError, match=f"^{reason}; expected addresses and ports, such as"):
        BINDS.read(binds)


@given(st.lists(st.sampled_from(["*", "[::1]", *VALID_HOSTS]), min_size=1))
def test_hosts_are_names_and_addresses_or_any(hosts: list[str]) -> None:
    assert HOSTS.read(" , ".join(hosts)) == tuple(hosts)


@pytest.mark.parametrize(
    "host",
    [
        *(host for host in NO_HOSTS if host not in ("*", "host,other")),
        *("", "*.example", "http://api.example"),
    ],
)
def test_a_host_that_no_request_could_name_is_refused_by_its_place(host: str) -> None:
    with pytest.raises(ValueError, match=r"^entry \d is not a host; expected hosts without ports"):
        HOSTS.read(f"api.example,{host}")


def test_a_host_with_a_port_is_refused_with_the_words_that_it_needs_none() -> None:
    with pytest.raises(ValueError, match=r"^entry 2 has a port, without which it stands for"):
        HOSTS.read("api.example,localhost:8080")


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
    for form in (HOST, BIND, HTTP_URL, BINDS, HOSTS):
        said = f"expected {form.expected}"
        try:
            read = form.read(value)
        except ValueError as exc:
            said = str(exc)
            read = value
        assert read in (value, tuple(map(str.strip, value.split(","))))
        assert said.endswith(f"expected {form.expected}")
