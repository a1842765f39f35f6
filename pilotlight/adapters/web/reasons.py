"""The six things a caller may learn about an outbound request that failed.

Never an address, a time or a byte of what answered: with those a caller could map our network.
"""

from __future__ import annotations

from typing import Final, Literal

from pilotlight.errors import FetchFailed

Reason = Literal[
    "bad_url", "refused_address", "unreachable", "bad_status", "too_large", "wrong_type"
]
_MESSAGES: Final[dict[Reason, str]] = {
    "bad_url": "the URL is not one that may be used here",
    "refused_address": "the URL points at an address that may not be used here",
    "unreachable": "the server at the URL gave no usable answer in time",
    "bad_status": "the server at the URL did not answer with success",
    "too_large": "the file at the URL is larger than allowed",
    "wrong_type": "the file at the URL is not of a type that is accepted here",
}


def failed(reason: Reason) -> FetchFailed:
    return FetchFailed(reason, _MESSAGES[reason])
