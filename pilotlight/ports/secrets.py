"""What only this deployment knows: signing keys, the key pepper, file grants."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable


class Secrets(Protocol):
    """Named byte strings that are made once and then stay.

    Names are ours: ``a-z``, digits, dot and hyphen, at most 100 characters.
    """

    def get_or_create(self, name: str, make: Callable[[], bytes]) -> bytes:
        """The secret; made now if nobody did. Processes that race get the same one."""
        ...

    def update(self, name: str, change: Callable[[bytes | None], bytes]) -> bytes:
        """Replace it by what ``change`` makes of it (None: there was none); the new one.

        Updates of one name never overlap, so none is lost.
        """
        ...
