"""How often a failed attempt is tried again, where the caller or the worker said so.

Failures come in three conditions, fal's own words (``X-Fal-Retry-Config``):

=================  ==============================================================
timeout            the attempt outran its run timeout
server_error       the model says that it may go better later; out of memory; a GPU error
connection_error   the process or the machine died under the job; where only ``server_error``
                   is named it covers these too, as fal counts a broken connection there
=================  ==============================================================
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

TIMEOUT: Final = "timeout"
SERVER_ERROR: Final = "server_error"
CONNECTION_ERROR: Final = "connection_error"
CONDITIONS: Final[tuple[str, ...]] = (TIMEOUT, SERVER_ERROR, CONNECTION_ERROR)
MOST: Final = 9
"""Extra attempts nobody gets more of: fal stops after ten attempts in all."""


@dataclass(frozen=True, slots=True)
class Retries:
    """Extra attempts by condition; a condition that is not here gets the deployment's own."""

    otherwise: int
    """Extra attempts of what is not named, where its class of error has any."""
    named: Mapping[str, int] = field(default_factory=dict)

    def of(self, condition: str) -> int | None:
        """None: nobody named it."""
        found = self.named.get(condition)
        if found is None and condition == CONNECTION_ERROR:
            return self.named.get(SERVER_ERROR)
        return found

    @property
    def most(self) -> int:
        return max(self.otherwise, *self.named.values())

    def text(self) -> str:
        """As the job's row keeps it."""
        return json.dumps({"otherwise": self.otherwise, **self.named}, separators=(",", ":"))

    @classmethod
    def read(cls, text: str) -> Retries:
        named = json.loads(text)
        return cls(named.pop("otherwise"), named)


def agreed(
    asked: Mapping[str, int], worker: Mapping[str, int], *, otherwise: int
) -> Retries | None:
    """The caller before the worker before the deployment; None when neither of the two says.

    Conditions that we do not know are not looked at, numbers are held within 0 and MOST.
    """
    both = {**worker, **asked}
    named = {name: min(max(both[name], 0), MOST) for name in CONDITIONS if name in both}
    return Retries(otherwise, named) if named else None
