"""What goes wrong, how often, and when: reliability section 2.8, drawn from the seed.

Each seed switches a random half of the kinds off (swarm testing): some bugs only show while
another kind of fault is absent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.sim.process import Process
    from tests.sim.world import World

KINDS: Final = (
    "throttled",
    "unanswered",
    "outages",
    "kills",
    "pauses",
    "partitions",
    "sigterms",
    "duplicates",
    "late messages",
    "lost messages",
    "slow calls",
    "lost hints",
    "ingress crashes",
    "ingress stalls",
    "upkeep crashes",
    "skew",
    "cancels",
    "poison",
    "failing models",
    "failing loads",
    "failing webhooks",
    "failing files",
)
SKEW_S: Final = 2.0
OUTAGE_EVERY_S: Final = 600.0
_STORE: Final = frozenset({"store", "queue", "feed", "roster"})
_THROTTLED: Final = 0.01
_UNANSWERED: Final = 0.01
_CRASH: Final = 0.003
_FILES: Final = 0.1
"""Calls to the blob store are few: more of them fail, and half of those are done all the same."""
_REPLICA_CRASH: Final = 0.0004
_LONGEST_STALL_S: Final = 120.0
LONGEST_PUT_S: Final = 900.0
"""Three times the lease while outputs are stored: by then the job runs elsewhere, or is over."""


class Faults:
    """``remote``: the store is behind a network, so that calls take time.

    ``script`` maps the number of a call (the first is 1) to its fate, for runs in which exactly
    one call goes wrong.
    """

    def __init__(
        self,
        world: World,
        kinds: Iterable[str],
        *,
        remote: bool,
        script: dict[int, str] | None = None,
    ) -> None:
        self.world, self.rng, self.remote = world, world.rng, remote
        self.kinds = frozenset(kinds)
        self.script = script
        self.calls = 0
        self.sites: list[str] = []
        """In a scripted run: which call was which."""
        self.stopped = False
        self._out_until: dict[str, float] = {}
        self.counts: dict[str, int] = {}

    def has(self, kind: str) -> bool:
        return kind in self.kinds and not self.stopped

    def happens(self, kind: str, chance: float) -> bool:
        """Draws only for kinds that this seed has, so that the others cost nothing."""
        if kind not in self.kinds or self.stopped:
            return False
        if self.rng.random() >= chance:
            return False
        self.count(kind)
        return True

    def count(self, kind: str) -> None:
        self.counts[kind] = self.counts.get(kind, 0) + 1

    def stop(self) -> None:
        """From now on nothing goes wrong any more."""
        self.stopped = True
        self._out_until.clear()
        self.world.note("faults stop")

    def skew(self) -> float:
        return self.rng.uniform(-SKEW_S, SKEW_S) if self.has("skew") else 0.0

    # Outages

    def run_outages(self) -> None:
        if "outages" in self.kinds:
            self.world.after(self.rng.expovariate(1 / OUTAGE_EVERY_S), self._outage)

    def _outage(self) -> None:
        if self.stopped:
            return
        what = self.rng.choice(("store", "store", "queue", "blobs"))
        seconds = self.rng.uniform(5, 90)
        self._out_until[what] = self.world.now + seconds
        self.count("outages")
        self.world.note("outage", what, f"{seconds:.1f}")
        self.run_outages()

    def is_out(self, port: str) -> bool:
        until = self._out_until.get("store" if port in ("feed", "roster") else port, 0.0)
        return self.world.now < until

    # One call

    def fate(self, process: Process, site: str) -> str | None:
        """``fails``, ``unanswered`` (done all the same), ``dies first``, ``dies after``, None."""
        if self.script is not None:
            self.calls += 1
            self.sites.append(f"{process.kind} {site}")
            return self.script.get(self.calls)
        if self.stopped or process.kind == "outside":
            return None
        port = site.partition(".")[0]
        if process.cut_off_until > self.world.now or (self._out_until and self.is_out(port)):
            return "fails"
        if port == "blobs" and self.happens("failing files", _FILES):
            return self.rng.choice(("fails", "unanswered"))
        drawn = self.rng.random()
        if drawn > 0.04:
            return None
        return self._drawn(process, port, drawn)

    def _drawn(self, process: Process, port: str, drawn: float) -> str | None:
        """Slices of the unit interval, so that a call costs one draw."""
        if drawn < _THROTTLED:
            return "fails" if port != "blobs" and self._counted("throttled") else None
        drawn -= _THROTTLED
        if drawn < _UNANSWERED:
            return "unanswered" if port != "blobs" and self._counted("unanswered") else None
        drawn -= _UNANSWERED
        kind, chance = self._crash(process)
        if drawn < chance:
            when = "dies first" if drawn < chance / 2 else "dies after"
            return when if self._counted(kind) else None
        return None

    def _crash(self, process: Process) -> tuple[str, float]:
        match process.kind:
            case "ingress":
                return "ingress crashes", _CRASH
            case "replica":
                return "kills", _REPLICA_CRASH
            case "up":
                return "upkeep crashes", _CRASH / 20
            case _:
                return "upkeep crashes", _CRASH / 6

    def _counted(self, kind: str) -> bool:
        if kind not in self.kinds:
            return False
        self.count(kind)
        return True

    def delay(self, process: Process, site: str) -> float:
        """How long the call takes. Local calls take no time but may be interrupted."""
        if self.script is not None:
            return 0.001 if self.remote else 0.0
        if site == "blobs.put" and self.happens("failing files", 0.15):
            return self.rng.uniform(30, LONGEST_PUT_S)
        drawn = self.rng.random()
        if drawn < 0.02 and not self.stopped:
            return self._stall(process, site)
        if not self.remote:
            return 0.0
        return 0.002 + 0.02 * drawn

    def _stall(self, process: Process, site: str) -> float:
        if process.kind == "ingress" and site == "store.move" and self.has("ingress stalls"):
            self.count("ingress stalls")
            return self.rng.uniform(1, _LONGEST_STALL_S)
        if self.remote and self.happens("slow calls", 0.3 if site == "store.move" else 0.03):
            return self.rng.uniform(20, 100)
        if process.kind == "upkeep" and self.has("pauses"):
            return self.rng.uniform(0, 30)
        return self.rng.uniform(0, 0.5 if self.remote else 0.05)
