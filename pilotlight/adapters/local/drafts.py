"""Bytes that are on their way into the folder of files: whole and synced before they get a name.

One is called after the moment it was begun, so that what nobody finished can be swept.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from pilotlight.errors import BodyTooLarge, Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from pilotlight.ports.clock import Clock

NUMBERED: Final = "[0-9]*-*"
"""Where somebody looks with a file manager there may be other names, such as ``.DS_Store``."""
_NO_ROOM: Final = frozenset({errno.ENOSPC, errno.EDQUOT})


class Draft(NamedTuple):
    """Synced bytes that do not have a name yet."""

    path: Path
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Drafts:
    folder: Path
    clock: Clock

    @contextlib.contextmanager
    def write(self, chunks: Iterable[bytes], *, max_bytes: int | None = None) -> Iterator[Draft]:
        """Bytes on disk, removed afterwards unless somebody renamed them.

        Raises BodyTooLarge past ``max_bytes``, Unavailable where there is no room for them.
        """
        path = self.folder / f"{int(self.clock.now())}-{secrets.token_hex(8)}"
        digest, size = hashlib.sha256(), 0
        try:
            with path.open("xb") as file:
                for chunk in chunks:
                    size += len(chunk)
                    if max_bytes is not None and size > max_bytes:
                        raise BodyTooLarge(f"larger than {max_bytes} bytes", max_size=max_bytes)
                    digest.update(chunk)
                    file.write(chunk)
                file.flush()
                os.fsync(file.fileno())
            path.chmod(0o400)
            yield Draft(path, size, digest.hexdigest())
        except OSError as error:
            if error.errno not in _NO_ROOM:
                raise
            raise Unavailable(f"a file cannot be kept: {error.strerror}") from error
        finally:
            path.unlink(missing_ok=True)

    def sweep(self, *, begun_before: float) -> int:
        """Remove what nobody finished; how many."""
        old = [
            draft
            for draft in self.folder.glob(NUMBERED)
            if int(draft.name.partition("-")[0]) <= begun_before
        ]
        for draft in old:
            draft.unlink(missing_ok=True)
        return len(old)
