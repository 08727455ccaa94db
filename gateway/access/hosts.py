"""The hosts that a request may name: protection from DNS rebinding.

The owner of a domain can let its name stand for 127.0.0.1. To a browser, a gateway there is then of
the same origin as the pages of that domain, which may read its responses. Their requests name the
domain in ``Host``.
"""

from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from socket import inet_aton
from typing import Final, Self

from common.configuration.addresses import EVERY, without_brackets
from gateway.settings import GatewaySettings

EVERY_ADDRESS: Final = frozenset({EVERY, "0.0.0.0", "::"})
"""Addresses to listen on that are no names: browsers take 0.0.0.0 for this machine."""

REMEMBERED: Final = 256
"""Values of ``Host`` that are remembered: a caller sends the same one with each request."""


class AllowedHosts:
    """The hosts that a gateway responds for: ``names``, and those of the loopback.

    If it ``has_network``, health checks may name any address: no setting has that of a pod.
    """

    def __init__(self, names: Iterable[str], *, has_network: bool) -> None:
        self._names = frozenset(map(_normalized, names)) - EVERY_ADDRESS
        self._has_network = has_network
        self.accepts = lru_cache(REMEMBERED)(self._accepts)
        """Return whether a value of ``Host`` names one of the hosts, at any port."""

    @classmethod
    def of(cls, settings: GatewaySettings) -> Self | None:
        """Return the hosts that ``settings`` allow; None for any.

        Those that it listens on are always among them. Without ``GATEWAY_ALLOWED_HOSTS`` any is
        allowed, except where only this machine reaches the gateway.
        """
        bound = [bind.rpartition(":")[0] for bind in settings.binds]
        has_network = not all(_is_loopback(_normalized(host)) for host in bound)
        if EVERY in settings.allowed_hosts or (has_network and not settings.allowed_hosts):
            return None
        return cls([*settings.allowed_hosts, *bound], has_network=has_network)

    def accepts_health_check(self, field: str) -> bool:
        """Return whether a health check may have a ``Host`` that no other request may have."""
        return self._has_network and _address(_host_of(field)) is not None

    def _accepts(self, field: str) -> bool:
        host = _host_of(field)
        return host in self._names or _is_loopback(host)


def _host_of(field: str) -> str:
    """Return the host in a value of ``Host``, without its port."""
    end = field.rfind(":")
    return _normalized(field if field.endswith("]") or end < 0 else field[:end])


def _is_loopback(host: str) -> bool:
    """Return whether a host is this machine itself, by its address or by RFC 6761, section 6.3."""
    address = _address(host)
    if address is not None:
        return address.is_loopback
    return host == "localhost" or host.endswith(".localhost")


def _normalized(host: str) -> str:
    """Return a host as a name in lower case, or as an address in its shortest form."""
    bare = without_brackets(host)
    address = _address(bare)
    if address is not None:
        return str(address)
    try:
        return bare.encode("idna").decode().lower().removesuffix(".")
    except UnicodeError:
        return bare


def _address(host: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(inet_aton(host) if ":" not in host else host)
    except (OSError, ValueError):
        return None
