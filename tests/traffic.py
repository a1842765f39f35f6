"""Traffic of one kind, for tests of policies."""

from __future__ import annotations

import math
import random

from pilotlight.scaling.simulation.trace import Arrival


def flat(seed, *, per_hour, service_s, hours, worker="flat"):
    """The same load all the time: only chance varies it."""
    rng = random.Random(seed)
    at, arrivals = 0.0, []
    while (at := at + rng.expovariate(per_hour / 3600)) < hours * 3600:
        arrivals.append(Arrival(at, worker, service_s * math.exp(rng.gauss(0, 0.4))))
    return arrivals


def written(path, arrivals):
    """The trace as its file, in no order."""
    rows = [f"{one.at:.3f},{one.worker},{one.service_s:.3f}" for one in arrivals]
    path.write_text("\n".join(["arrival_s,worker,service_s", *rows[::-1]]))
