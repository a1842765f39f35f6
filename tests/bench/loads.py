"""The loads: what is asked, how often, and what is timed. Durations in seconds.

Clients and system share this machine's cores, as they would on a workstation; every system is
asked by the same code, so what the client costs is the same for each.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import uvloop

from tests.bench import target as words
from tests.bench.wire import AsyncWire, Wire

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from pilotlight.ports.clock import Clock
    from tests.bench.target import Target

LONE_PAUSE_S: Final = 0.0005
"""Between two status reads of the one client."""
CROWD_PAUSE_S: Final = 0.005
"""Between two status reads of each of the 16: shorter would measure polls instead of jobs."""
CLIENTS: Final = 16
LIMIT_S: Final = 30.0
"""A job or load that is not done by then never will be."""


@dataclass(frozen=True, slots=True)
class Burst:
    submits_per_s: float
    drained_per_s: float
    """Jobs over the time from the first submit to the end of the last job."""


def one_job(wire: Wire, target: Target, text: str, clock: Clock) -> tuple[float, float]:
    """Submit, read the status until it says completed, read the result: (submit, all)."""
    start = clock.monotonic()
    job = words.job_id(wire.ask(target.submit(text)))
    submitted = clock.monotonic()
    while not words.is_completed(wire.ask(target.status(job))):
        if clock.monotonic() - start > LIMIT_S:
            raise words.WrongAnswer(f"job {job} did not end within {LIMIT_S:g} s")
        clock.sleep(LONE_PAUSE_S)
    answer = wire.ask(target.result(job))
    end = clock.monotonic()
    words.check(answer, text)
    return submitted - start, end - start


def polled(target: Target, count: int, clock: Clock) -> list[tuple[float, float]]:
    """One client, one job at a time: (submit, all) of each."""
    wire = Wire(target.port)
    try:
        return [one_job(wire, target, f"polled {n}", clock) for n in range(count)]
    finally:
        wire.close()


def held_open(target: Target, count: int, clock: Clock) -> list[float]:
    """One client, one synchronous call at a time."""
    wire = Wire(target.port)
    times = []
    try:
        for n in range(count):
            text = f"held open {n}"
            start = clock.monotonic()
            answer = wire.ask(target.run(text))
            times.append(clock.monotonic() - start)
            words.check(answer, text)
    finally:
        wire.close()
    return times


def jobs_per_s(target: Target, seconds: float, clock: Clock) -> float:
    """16 clients, each one job after another; jobs whose result was read, over the time."""

    async def client(wire: AsyncWire, number: int) -> int:
        done = 0
        while clock.monotonic() < end:
            text = f"client {number} job {done}"
            job = words.job_id(await wire.ask(target.submit(text)))
            await _completed(wire, target, job)
            words.check(await wire.ask(target.result(job)), text)
            done += 1
        return done

    start = clock.monotonic()
    end = start + seconds
    counts = _crowd(target, client)
    return sum(counts) / (clock.monotonic() - start)


def burst(target: Target, count: int, clock: Clock) -> Burst:
    """16 clients submit as fast as they are answered, then wait until every job is done."""
    each = count // CLIENTS
    submitted: list[float] = []

    async def client(wire: AsyncWire, number: int) -> int:
        asks = [target.submit(f"burst {number} {n}") for n in range(each)]
        jobs = [words.job_id(await wire.ask(ask)) for ask in asks]
        submitted.append(clock.monotonic())
        for job in reversed(jobs):
            await _completed(wire, target, job)
        return len(jobs)

    start = clock.monotonic()
    total = sum(_crowd(target, client))
    return Burst(total / (max(submitted) - start), total / (clock.monotonic() - start))


async def _completed(wire: AsyncWire, target: Target, job: str) -> None:
    ask = target.status(job)
    while not words.is_completed(await wire.ask(ask)):  # noqa: ASYNC110 -- a client polls
        await asyncio.sleep(CROWD_PAUSE_S)


def _crowd(target: Target, client: Callable[[AsyncWire, int], Awaitable[int]]) -> list[int]:
    async def all_clients() -> list[int]:
        wires = [await AsyncWire.connect(target.port) for _ in range(CLIENTS)]
        try:
            async with asyncio.timeout(LIMIT_S):
                return list(await asyncio.gather(*(client(w, n) for n, w in enumerate(wires))))
        finally:
            for wire in wires:
                wire.close()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(all_clients())
