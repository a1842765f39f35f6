"""A job watched until it ends, over connections that may break, and what to say of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pilotlight.cli.exits import JobDidNotSucceed, Unreachable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pilotlight.cli.client import Api
    from pilotlight.ports.clock import Clock

PATIENCE_S: Final = 60.0
"""A server that is away longer than this is given up on; one that restarts is waited for."""
_PAUSE_S: Final = 0.5
_COLD: Final = {
    "starting": "starting a replica",
    "loading": "loading the model",
    "paused": "waiting, its worker is paused by the operator",
}

_STEPS: Final = {
    "imports": "importing its libraries",
    "weights": "reading its weights",
    "device": "moving its weights to the GPU",
    "warm_up": "warming up",
}


@dataclass(frozen=True, slots=True)
class Look:
    """The job as one status object shows it."""

    words: str
    """What it does now, without how far it is."""
    fraction: float | None = None
    """How far the run is, 0 to 1; None while it waits."""
    eta_s: float | None = None
    """Seconds until its cold start should be over."""
    lines: tuple[str, ...] = ()
    """Log lines that are new."""
    over: bool = False
    error: str | None = None


def look(status: dict[str, Any], lines: tuple[str, ...] = ()) -> Look:
    """Read a status object of the fal dialect."""
    if status["status"] == "COMPLETED":
        error = status.get("error")
        return Look(_end(error, status.get("error_type")), lines=lines, over=True, error=error)
    if status["status"] == "IN_PROGRESS":
        return Look("running", float(status.get("progress") or 0.0), lines=lines)
    cold = status.get("cold_start")
    if cold:
        return Look(_cold(cold), eta_s=cold.get("eta_s"), lines=lines)
    before = status.get("queue_position") or 0
    return Look(f"waiting, {before} before it" if before else "waiting, the next", lines=lines)


def sentence(seen: Look) -> str:
    """The look in one line, for where nothing moves."""
    if seen.eta_s is not None:
        return f"{seen.words}, {about(seen.eta_s)}"
    if seen.fraction:
        return f"{seen.words}, {seen.fraction:.0%}"
    return seen.words


def about(eta_s: float) -> str:
    return f"about {eta_s:.0f} s left" if eta_s >= 1 else "any moment now"


def _end(error: str | None, kind: str | None) -> str:
    if not error:
        return "done"
    return "cancelled" if kind == "client_cancelled" else f"failed: {error}"


def _cold(cold: dict[str, Any]) -> str:
    if cold["stage"] == "failed":
        return f"the last replica did not start: {cold.get('error') or 'no reason was kept'}"
    words = _STEPS.get(cold.get("step", "")) or _COLD.get(cold["stage"], str(cold["stage"]))
    fraction = cold.get("fraction")
    return words if fraction is None else f"{words}, {fraction:.0%}"


def follow(
    api: Api, job_id: str, *, clock: Clock, patience_s: float = PATIENCE_S
) -> Iterator[Look]:
    """A look each time something changes; the last one is over. No log line comes twice.

    Raises Unreachable once the server was away for ``patience_s``.
    """
    told, away_since = 0, None
    while True:
        passed = 0
        try:
            for status in api.statuses(job_id):
                away_since = None
                logs = status.get("logs") or []
                # A new stream begins with the lines that the one before has told.
                fresh = logs[max(0, told - passed) :]
                passed += len(logs)
                told = max(told, passed)
                seen = look(status, tuple(str(line["message"]) for line in fresh))
                yield seen
                if seen.over:
                    return
        except Unreachable:
            now = clock.monotonic()
            away_since = now if away_since is None else away_since
            if now - away_since >= patience_s:
                raise
            yield Look("no connection, trying again")
        clock.sleep(_PAUSE_S)


def settled(looks: Iterator[Look]) -> Iterator[Look]:
    """The same looks. Raises JobDidNotSucceed at the end if the job did not."""
    for seen in looks:
        yield seen
        if seen.error is not None:
            raise JobDidNotSucceed(seen.error)
