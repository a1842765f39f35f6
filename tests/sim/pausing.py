"""An operator pauses workers in the middle of their backlog, and lets them go on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pilotlight.ports.overrules import Overrule
from tests.sim.duties import TIMER_S
from tests.sim.world import Violation

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.sim.site import Site
    from tests.sim.table import Change

_FIRST_S: Final = 60.0
_LASTS_S: Final = (120.0, 300.0)
_HEARD_S: Final = {False: 5.0, True: 1.2 * TIMER_S}
"""After this no job may begin, where nothing goes wrong: a look of the scaler, local and remote."""


class SimOverrules:
    """What was said last, wherever it is kept: no process forgets it with its own end."""

    def __init__(self) -> None:
        self.since: dict[str, float] = {}

    def read(self) -> Mapping[str, Overrule]:
        return {worker: Overrule(paused=True, since=at) for worker, at in self.since.items()}

    def pause(self, worker: str, *, now: float) -> None:
        self.since.setdefault(worker, now)

    def resume(self, worker: str) -> None:
        self.since.pop(worker, None)


class Pausing:
    """``strict``: nothing else goes wrong, so that the rule has a time."""

    def __init__(self, site: Site, pauses: int, *, strict: bool) -> None:
        self._site, self._world, self._strict = site, site.world, strict
        self.held_back = 0
        """Looks at which jobs waited for a worker that was paused."""
        rng, at = site.world.rng, _FIRST_S
        for _ in range(pauses):
            worker = rng.choice(sorted(site.specs))
            lasts = rng.uniform(*_LASTS_S)
            site.world.after(at, lambda worker=worker: self._pause(worker))
            site.world.after(at + lasts, lambda worker=worker: self._resume(worker))
            at += lasts + rng.uniform(1, 120)
        if pauses:
            site.watchers.append(self._changed)

    def _pause(self, worker: str) -> None:
        self._world.note("operator", "pauses", worker)
        self._site.overrules.pause(worker, now=self._world.now)

    def _resume(self, worker: str) -> None:
        self._world.note("operator", "resumes", worker)
        load = self._site.table.load(now=self._world.now).get(worker)
        self.held_back += load is not None and load.queued > 0
        self._site.overrules.resume(worker)

    def _changed(self, change: Change) -> None:
        _, new, move, _ = change
        since = self._site.overrules.since.get(new.worker)
        if move is None or move.transition.name != "T3" or since is None or not self._strict:
            return
        if self._world.now > since + _HEARD_S[self._site.remote]:
            late_s = self._world.now - since
            raise Violation("pause", f"begun {late_s:.0f} s after its worker was paused: {new}")
