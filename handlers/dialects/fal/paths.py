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
    """The endpoint that a path calls."""

    endpoint: str
    by_suffix: bool
    """The path ends in the suffix, and what it stands for is wanted."""


def _app_segments(segments: list[str]) -> int:
    return 3 if segments[0] in NAMESPACES else 2


def app_of(endpoint: str) -> str:
    """``acme/app/sub`` -> ``acme/app``: what a request's URLs begin with."""
    segments = endpoint.split("/")
    return "/".join(segments[: _app_segments(segments)])


def address_of(path: str) -> Address | None:
    """None for a path that names no request, such as an endpoint to submit to.

    A deeper id before ``requests`` is taken too: people write the URL by hand. So is an id without
    an owner, as other dialects' endpoints have.
    """
    segments = path.strip("/").split("/")
    for at in range(_app_segments(segments) - 1, len(segments) - 1):
        if segments[at] == "requests":
            return Address(segments[at + 1], "/".join(segments[at + 2 :]))
    return None


def target_of(path: str, catalogue: Catalogue, *, suffix: str = "") -> Target:
    """The endpoint that a path calls: the whole path, or all but ``suffix`` as its last segment.

    A deeper path is never served by the endpoint above it: ``owner/app/inpainting`` is another
    model than ``owner/app``, and a wrong picture is worse than an error. Raises UnknownEndpoint,
    UnroutedEndpoint.
    """
    endpoint = path.strip("/")
    by_suffix = bool(suffix) and endpoint.endswith("/" + suffix)
    if catalogue.knows(endpoint):
        # fal names some endpoints after what they do: ``fal-ai/flux-krea-lora/stream``.
        streams = catalogue.endpoint(endpoint).endpoint.streams
        return Target(endpoint, by_suffix=by_suffix and streams)
    endpoint = endpoint.removesuffix("/" + suffix) if by_suffix else endpoint
    catalogue.endpoint(endpoint)
    return Target(endpoint, by_suffix)
