"""From a cancel to the death of a child that does not listen, where nobody wakes the replica."""

from __future__ import annotations

import random
import statistics
import sys
import threading
from pathlib import Path

import pytest

from pilotlight.bootstrap.aws import _prompt
from pilotlight.contracts import moves
from pilotlight.settings import Settings

HOLD_S = 20.0
"""Cancel to GPU free, p99: reliability section 6."""
SEED = 20_261_121


def test_at_default_timers_a_cancel_is_seen_and_its_grace_over_within_the_hold():
    settings = _prompt(Settings(mode="aws"))
    latest_beat_s = settings.lease.beat_s * 1.2  # beats vary by a fifth
    tick_s = settings.replica.tick_s  # a loop that sleeps wakes this often
    assert latest_beat_s + settings.replica.cancel_grace_s + 2 * tick_s < HOLD_S
    assert settings.queue.visibility_s > 3 * latest_beat_s


def test_a_shorter_beat_of_the_owner_stays():
    assert _prompt(Settings(mode="aws", lease={"beat_s": 4})).lease.beat_s == 4


def children(pid):
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


def cancelled(rig, replicas, rng):
    """One job on whichever replica takes it; seconds from its cancel to the end of its child."""
    started = rig.folder / f"started-{rng.random()}"
    job_id = rig.submit({"started": str(started)})
    rig.until(started.exists, f"{job_id} to run", patience_s=120)
    job = rig.job(job_id)
    (child,) = children(replicas[job.owner].pid)
    threading.Event().wait(rng.uniform(0, 12))  # any moment between two beats
    job = rig.job(job_id)
    assert rig.store.move(job_id, moves.cancel(job, now=rig.clock.now())) is not None
    began = rig.clock.monotonic()
    rig.until(lambda: not Path(f"/proc/{child}").exists(), "its child to die", patience_s=60)
    return rig.clock.monotonic() - began


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_children_that_ignore_a_cancel_are_dead_within_the_hold_at_default_timers(rig_of, capsys):
    rig = rig_of(
        "ignores-cancel",
        queue={"visibility_s": 120, "wait_s": 1},
        lease={"lease_s": 60, "beat_s": 15, "margin_s": 10},
        replica={"grace_s": 30, "cancel_grace_s": 5},
    )
    replicas = {f"replica-{n}": rig.start(f"replica-{n}") for n in range(6)}
    for name in replicas:
        rig.ready(name)
    took, lock = [], threading.Lock()

    def try_some(number):
        rng = random.Random(SEED + number)
        for _ in range(10):
            seconds = cancelled(rig, replicas, rng)
            with lock:
                took.append(seconds)

    threads = [threading.Thread(target=try_some, args=(n,)) for n in range(len(replicas))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    cuts = statistics.quantiles(took, n=100)
    with capsys.disabled():
        sys.stdout.write(
            f"\n{len(took)} cancels: p50 {cuts[49]:.1f} s, p99 {cuts[98]:.1f} s, "
            f"longest {max(took):.1f} s\n"
        )
    assert len(took) == 60
    assert max(took) <= HOLD_S
