"""What has to happen soon once nothing goes wrong any more: reliability section 2.7, last lines.

Rows are looked at when they are due, leases that are over are taken back, announcements are posted
when their time comes. Judged by the indexes, each minute, so that a history in which one of these
stands still ends there and then and not at the end of all deadlines.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pilotlight.contracts.invariants import GROUP_OVERDUE_S, LEASE_OVER_S, OVERDUE_S
from tests.sim.faults import SKEW_S
from tests.sim.world import Violation

if TYPE_CHECKING:
    from tests.sim.site import Site
    from tests.sim.table import Change

RECOVERS_S: Final = 360.0
"""From the last fault: whoever was paused or cut off for five minutes is back, and has caught up."""
LONGEST_TURN_S: Final = 1800.0
"""In which a receiver that takes one webhook at a time takes those of all other jobs."""
_EVERY_S: Final = 60.0
_SPARE_S: Final = 2 * SKEW_S


class Liveness:
    def __init__(self, site: Site) -> None:
        self._site, self._world = site, site.world
        self._calm_at = float("inf")
        self._put_off: dict[str, float | None] = {}
        """Since when each webhook has been put off; None: its last posting was settled since."""
        site.watchers.append(self._announcing)

    def watch(self) -> None:
        """From the last fault on, until the world stops."""
        self._calm_at = self._world.now
        self._world.after(RECOVERS_S, self._look)

    def _look(self) -> None:
        table = self._site.table
        self._late("I1", "a row is due", table.next_due(), OVERDUE_S)
        self._late("I4", "a webhook is due", table.next_webhook_due(), OVERDUE_S)
        self._late("I5", "a lease is over", self._first_lease_end(), LEASE_OVER_S)
        if self._site.tallies.rows:
            mark = self._site.tallies.next_mark()
            self._late("I11", "a group has a mark", mark, GROUP_OVERDUE_S)
        self._world.after(_EVERY_S, self._look)

    def _late(self, rule: str, what: str, due: float | None, allowed_s: float) -> None:
        late_s = 0.0 if due is None else self._world.now - due
        if late_s > allowed_s + _SPARE_S:
            self._world.accuse(Violation(rule, f"{what} since {late_s:.0f} s, and nobody came"))

    def _announcing(self, change: Change) -> None:
        old, new, move, _ = change
        if old is None or move is None or move.transition.name != "T16":
            return
        if new.webhook_fence != old.webhook_fence:  # it is posted, or replayed
            self._put_off.pop(new.id, None)
        elif new.id not in self._put_off:
            self._put_off[new.id] = None
        else:
            since = self._put_off[new.id] = self._put_off[new.id] or self._world.now
            waits_s = self._world.now - max(since, self._calm_at)
            if waits_s > LONGEST_TURN_S:
                what = f"put off for {waits_s:.0f} s, though its receiver is there: {new}"
                raise Violation("I4", what)

    def _first_lease_end(self) -> float | None:
        ends = [row.lease_until for row in self._site.table.held()]
        return min((end for end in ends if end is not None), default=None)
