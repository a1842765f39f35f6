"""fal's addresses: endpoint ids in URLs, and where a request is found again.

An endpoint id is ``owner/app`` or deeper. A request lives at ``owner/app/requests/ID``: deeper
segments are dropped there, but ids below ``workflows`` and ``comfy`` keep three.
"""

from __future__ import annotations

from typing import NamedTuple

from pilotlight.catalogue import Catalogue

NAMESPACES = frozenset({"workflows", "comfy"})


class Address(NamedTuple):
    """``.../requests/ID[/VERB]``."""

    request_id: str
    verb: str
    """``""``, ``response``, ``status``, ``status/stream``, ``cancel``, or nothing we know."""


class Target(NamedTuple):
    """The endpoint that a path calls, and the segments that are left behind it."""

    endpoint: str
    rest: str


def _app_segments(segments: list[str]) -> int:
    return 3 if segments[0] in NAMESPACES else 2


def app_of(endpoint: str) -> str:
    """``acme/app/sub`` -> ``acme/app``: what a request's URLs begin with."""
    segments = endpoint.split("/")
    return "/".join(segments[: _app_segments(segments)])


def address_of(path: str) -> Address | None:
    """None for a path that names no request, such as an endpoint to submit to.

    A deeper id before ``requests`` is taken too: people write the URL by hand.
    """
    segments = path.strip("/").split("/")
    for at in range(_app_segments(segments), len(segments) - 1):
        if segments[at] == "requests":
            return Address(segments[at + 1], "/".join(segments[at + 2 :]))
    return None


def target_of(path: str, catalogue: Catalogue, *, suffix: str = "") -> Target:
    """The longest endpoint id that the path begins with.

    ``suffix`` is a last segment that means something to the caller of this; it is not named when
    the endpoint is unknown. Raises UnknownEndpoint.
    """
    segments = path.strip("/").split("/")
    for length in range(len(segments), 1, -1):
        endpoint = "/".join(segments[:length])
        if endpoint in catalogue.endpoints:
            return Target(endpoint, "/".join(segments[length:]))
    if segments[-1] == suffix:
        segments.pop()
    catalogue.endpoint("/".join(segments))
    raise AssertionError("the catalogue raises for an endpoint it does not have")
