"""When replicas are started and let go: of all workers, and of each."""

from __future__ import annotations

from datetime import time
from typing import Final, Literal

from pydantic import NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt

from pilotlight.settings.group import Group

PolicyName = Literal["expected-saving", "keep-alive", "keda", "target-backlog"]
Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


class WarmHours(Group):
    """Replicas that are kept ready in these hours, UTC; one that ends earlier ends next day."""

    days: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri")
    begins: time
    ends: time
    replicas: PositiveInt = 1


class WorkerScaling(Group):
    """One worker's own: None leaves it to the worker's declaration or to the group."""

    policy: PolicyName | None = None
    w: NonNegativeFloat | None = None
    queue_length: PositiveFloat = 5
    """Jobs per replica that ``keda`` and ``target-backlog`` aim at."""
    keep_alive_s: NonNegativeFloat | None = None
    min_replicas: NonNegativeInt | None = None
    max_replicas: NonNegativeInt | None = None
    """0 starts none: somebody else runs this worker's replicas."""
    buffer: NonNegativeInt = 0
    """Replicas beyond those that are needed, while any are."""
    buffer_share: NonNegativeFloat = 0
    """The same as a share of those that are needed; the greater one counts."""
    gpu_hours_per_day: PositiveFloat | None = None
    """When they are spent jobs that run are finished, and no other begins until midnight UTC."""
    warm: tuple[WarmHours, ...] = ()


class ScalingSettings(Group):
    policy: PolicyName = "expected-saving"
    """Of every worker that has none of its own."""
    w: NonNegativeFloat = 2
    """GPU-seconds paid to save one second of one job's wait: 8 interactive, 0.2 batch."""
    workers: dict[str, WorkerScaling] = {}
    """By worker, such as ``{"flux": {"policy": "keep-alive", "keep_alive_s": 300}}``."""
    start_step: PositiveInt = 4
    start_window_s: PositiveFloat = 15
    """At most so many starts, or as many as live already, in so long."""
    tick_s: PositiveFloat = 2
    """Between two looks when nothing happens; a submit and a completion look at once."""
    patience_s: NonNegativeFloat = 1
    """A job waits this long for a live replica's slot before another replica is started for it."""
    keep_alive_s: NonNegativeFloat | None = None
    """How long the last replica idles at least, instead of what its worker declares. 0 leaves it
    to the policy, which learns: right where each second is billed."""
    spare_s: NonNegativeFloat = 10
    """How long a replica that is not its worker's last one idles before it may go."""
    start_backoff_s: PositiveFloat = 2
    """After a failed start; doubles with each further one."""
    max_backoff_s: PositiveFloat = 300

    def worker(self, name: str) -> WorkerScaling:
        return self.workers.get(name, _NOTHING_OF_ITS_OWN)


_NOTHING_OF_ITS_OWN: Final = WorkerScaling()
