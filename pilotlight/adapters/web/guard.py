"""Which URLs and which addresses may be used: pure decisions, no I/O.

Text is parsed once, strictly, and then never trusted: what counts is the address that the name
turned out to have. ``ipaddress.is_global`` is not used, because on Python 3.11.7 it is True for
NAT64, 6to4, multicast and others through which a private host can be reached; the lists below
are IANA's special-purpose registries for IPv4 and IPv6.
"""

from __future__ import annotations

import ipaddress
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from pilotlight.adapters.web.reasons import failed

if TYPE_CHECKING:
    from collections.abc import Iterable

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

MAX_URL: Final = 8192
MAX_HOST: Final = 253
MAX_ADDRESSES: Final = 8
_PORTS: Final = {"http": 80, "https": 443}
_HOST_CHARACTERS: Final = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-_.")
_TARGET_SAFE: Final = "!#$%&'()*+,/:;=?@[]~"

_REFUSED_V4: Final = tuple(
    ipaddress.IPv4Network(network)
    for network in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",
        "100.64.0.0/10",  # carrier-grade NAT
        "127.0.0.0/8",
        "168.63.129.16/32",  # Azure's own agent, on every host there
        "169.254.0.0/16",  # link-local, where clouds keep their metadata
        "172.16.0.0/12",
        "192.0.0.0/24",  # protocol assignments
        "192.0.2.0/24",  # documentation
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, broadcast
    )
)
_ALLOWED_V6: Final = ipaddress.IPv6Network("2000::/3")
"""Global unicast. Mapped, NAT64, unique-local, link-local and multicast all lie outside."""
_REFUSED_V6: Final = tuple(
    ipaddress.IPv6Network(network)
    for network in (
        "2001::/23",  # protocol assignments, Teredo among them
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4
        "3fff::/20",  # documentation
    )
)
_LOOPBACK_V4: Final = ipaddress.IPv4Network("127.0.0.0/8")
_LOOPBACK_V6: Final = ipaddress.IPv6Address("::1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What this deployment allows beyond https to public addresses."""

    allow_loopback: bool = False
    """127.0.0.0/8 and ::1, on any port and without TLS: local mode only."""
    allow_plain_http: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A parsed URL: all that is needed to connect and to ask."""

    scheme: str
    host: str
    """Lower-case ASCII name or canonical address, without brackets."""
    port: int
    path: str
    """Path and query in ASCII; the fragment is gone."""
    literal: Address | None = None
    """Set when the host is an address already."""

    @property
    def authority(self) -> str:
        """The Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.authority}{self.path}"


def parse(url: str, policy: Policy) -> Target:
    """Read a URL. Raises FetchFailed ``bad_url`` for anything unusual.

    Refused are other schemes, user names, control characters, backslashes, percent signs and
    brackets in names, numbers that only some parsers take for an address, and, unless loopback
    is allowed, ports other than 80 and 443.
    """
    if not url.isprintable() or "\\" in url or len(url) > MAX_URL or url != url.strip():
        raise failed("bad_url")
    scheme, separator, rest = url.partition("://")
    scheme = scheme.lower()
    plain = policy.allow_plain_http or policy.allow_loopback
    if not separator or scheme not in _PORTS or (scheme == "http" and not plain):
        raise failed("bad_url")
    end = min(at for at in (*(rest.find(mark) for mark in "/?#"), len(rest)) if at >= 0)
    host, literal, port = _authority(rest[:end])
    port = _PORTS[scheme] if port is None else port
    if not policy.allow_loopback and port not in _PORTS.values():
        raise failed("bad_url")
    return Target(scheme=scheme, host=host, port=port, path=_path(rest[end:]), literal=literal)


def admit(target: Target, answers: Iterable[str], policy: Policy) -> tuple[Address, ...]:
    """The addresses to connect to, at most 8, in the order given.

    Every answer must pass, not just the first: a name with one private address is hostile.
    Raises FetchFailed ``refused_address``, or ``unreachable`` when there is no answer at all.
    """
    texts = list(dict.fromkeys(answers))
    if not texts:
        raise failed("unreachable")
    addresses = tuple(_address(text) for text in texts)
    for address in addresses:
        if is_loopback(address):
            allowed = policy.allow_loopback
        else:
            usual = target.port in _PORTS.values()
            sealed = target.scheme == "https" or policy.allow_plain_http
            allowed = usual and sealed and is_public(address)
        if not allowed:
            raise failed("refused_address")
    return addresses[:MAX_ADDRESSES]


def is_public(address: Address) -> bool:
    """Whether packets to it leave for the internet and for nowhere else."""
    if isinstance(address, ipaddress.IPv4Address):
        return not any(address in network for network in _REFUSED_V4)
    return (
        address.scope_id is None
        and address in _ALLOWED_V6
        and not any(address in network for network in _REFUSED_V6)
    )


def is_loopback(address: Address) -> bool:
    """Exactly 127.0.0.0/8 and ::1; a mapped ``::ffff:127.0.0.1`` is neither."""
    if isinstance(address, ipaddress.IPv4Address):
        return address in _LOOPBACK_V4
    return address == _LOOPBACK_V6


def _address(text: str) -> Address:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        raise failed("refused_address") from None


def _authority(text: str) -> tuple[str, Address | None, int | None]:
    if "@" in text:
        raise failed("bad_url")
    if text.startswith("["):
        inner, bracket, tail = text[1:].partition("]")
        literal = _v6(inner)
        if not bracket or (tail and not tail.startswith(":")):
            raise failed("bad_url")
        return str(literal), literal, _port(tail[1:]) if tail else None
    host, colon, port = text.partition(":")
    name = _name(host)
    return name, _v4(name), _port(port) if colon else None


def _v6(text: str) -> ipaddress.IPv6Address:
    try:
        literal = ipaddress.IPv6Address(text)
    except ValueError:
        raise failed("bad_url") from None
    if literal.scope_id is not None:
        raise failed("bad_url")
    return literal


def _v4(name: str) -> ipaddress.IPv4Address | None:
    """None for a name; a last label that is a number must be part of a plain dotted quad."""
    last = name.rpartition(".")[2]
    if not last.isdigit() and not last.startswith("0x"):
        return None
    try:
        return ipaddress.IPv4Address(name)
    except ValueError:
        raise failed("bad_url") from None


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 5 and 0 < int(text) < 65536):
        raise failed("bad_url")
    return int(text)


def _name(host: str) -> str:
    """The name in lower-case ASCII.

    A name that IDNA does not give back as it was (such as one with an eszett, which the older
    and the newer standard encode as two different names) is refused rather than guessed.
    """
    folded = unicodedata.normalize("NFKC", host).lower()
    try:
        name = folded.encode("idna").decode("ascii")
        same = folded.isascii() or name.encode("ascii").decode("idna") == folded
    except UnicodeError:
        raise failed("bad_url") from None
    labels = name.split(".")
    if not same or len(name) > MAX_HOST or not _HOST_CHARACTERS.issuperset(name):
        raise failed("bad_url")
    if not all(0 < len(label) < 64 for label in labels):
        raise failed("bad_url")
    return name


def _path(text: str) -> str:
    path = text.partition("#")[0]
    if not path.startswith("/"):
        path = f"/{path}"
    return quote(path, safe=_TARGET_SAFE)
