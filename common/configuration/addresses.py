"""The forms of hosts, of addresses to listen on and of URLs."""

import re
import socket
from ipaddress import AddressValueError, IPv6Address
from typing import Final
from urllib.parse import urlsplit

from common.configuration.forms import Form

MAX_PORT: Final = 65_535
MAX_URL_CHARACTERS: Final = 2_000

EVERY: Final = "*"
"""Every address of both families to listen on; any host that a request may name."""

_HOST_AND_PORT: Final = re.compile(r"[^:]*:\d+", re.ASCII)
_NAME: Final = re.compile(
    r"(?!.{254})[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?"
    r"(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*\.?",
    re.ASCII | re.IGNORECASE,
)
"""A host name (RFC 1123, section 2.1), with the underscores that container names have."""

_ENDS_IN_NUMBER: Final = re.compile(r"(.*\.)?(\d+|0x[0-9a-f]*)\.?", re.ASCII | re.IGNORECASE)
"""A text that no resolver takes for a name: it is an IPv4 address, or nothing."""


def is_host(text: str) -> bool:
    """Tell whether ``text`` is a host name, an IPv4 address or an IPv6 address."""
    if ":" in text:
        try:
            IPv6Address(text)
        except AddressValueError:
            return False
        return True
    try:
        name = text.encode("idna").decode()
        if _ENDS_IN_NUMBER.fullmatch(name):
            socket.inet_aton(name)
            return "." in name
    except (UnicodeError, OSError):
        return False
    return _NAME.fullmatch(name) is not None


def _parse_host(text: str) -> str:
    if is_host(text):
        return text
    if "://" in text:
        raise ValueError("is a URL")
    if re.search(r"\s", text):
        raise ValueError("has white space")
    if text.startswith("["):
        raise ValueError("has brackets, without which an IPv6 address stands here")
    if _HOST_AND_PORT.fullmatch(text):
        raise ValueError("has a port, which is RABBITMQ_PORT")
    raise ValueError


def parse_bind(text: str) -> str:
    """Return ``text`` if it is a host and a port, like ``127.0.0.1:8080`` or ``[::1]:8080``.

    Raises:
        ValueError: it is not.
    """
    host, _, port = text.rpartition(":")
    if not re.fullmatch(r"\d{1,5}", port, re.ASCII) or not 0 < int(port) <= MAX_PORT:
        raise ValueError
    if not is_host(without_brackets(host)):
        raise ValueError
    return text


def _parse_binds(text: str) -> tuple[str, ...]:
    binds: list[str] = []
    for place, bind in enumerate(map(str.strip, text.split(",")), start=1):
        try:
            parse_bind(bind.replace(EVERY, "0.0.0.0", 1) if bind.startswith(f"{EVERY}:") else bind)
        except ValueError:
            raise ValueError(f"entry {place} is not an address and a port") from None
        if bind in binds:
            raise ValueError(f"entry {place} was there before")
        binds.append(bind)
    return tuple(binds)


def _parse_hosts(text: str) -> tuple[str, ...]:
    hosts = tuple(map(str.strip, text.split(",")))
    for place, host in enumerate(hosts, start=1):
        if _HOST_AND_PORT.fullmatch(host):
            raise ValueError(f"entry {place} has a port, without which it stands for every port")
        if host != EVERY and not is_host(without_brackets(host)):
            raise ValueError(f"entry {place} is not a host")
    return hosts


def without_brackets(host: str) -> str:
    """Return a host without the brackets that an IPv6 address has before a port."""
    return host[1:-1] if host.startswith("[") and host.endswith("]") and ":" in host else host


def _parse_http_url(text: str) -> str:
    try:
        url = urlsplit(text)
        host, port = url.hostname or "", url.port
    except ValueError:
        raise ValueError from None  # the library's words have a part of the URL
    well_formed = url.scheme in {"http", "https"} and port != 0 and is_host(host)
    if not well_formed or not text.isprintable() or " " in text or len(text) > MAX_URL_CHARACTERS:
        raise ValueError
    return text


HOST: Final = Form(
    "a host name or an address, such as rabbitmq.example, 10.0.0.5 or ::1", _parse_host
)
HOSTS: Final = Form("hosts without ports, such as api.example,10.0.0.5, or * for any", _parse_hosts)
BIND: Final = Form("an address and a port, such as 127.0.0.1:8080 or [::1]:8080", parse_bind)
BINDS: Final = Form(
    "addresses and ports, such as 127.0.0.1:8080,[::1]:8080, or *:8080 for every address",
    _parse_binds,
)
HTTP_URL: Final = Form("a URL, such as http://localhost:4318", _parse_http_url)
