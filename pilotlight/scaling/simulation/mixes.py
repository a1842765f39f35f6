"""Made-up traffic of the kinds that GPU workers see, the same for the same seed."""

from __future__ import annotations

import math
import random
from typing import TYPE_CHECKING, Final

from pilotlight.scaling.simulation.trace import Arrival, ordered

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_DAY_S: Final = 86400.0


def mix(seed: int, *, workers: int = 24, days: float = 7) -> list[Arrival]:
    """Diurnal traffic, bursts, timers, batch drops and training jobs, in turn by worker."""
    rng = random.Random(seed)  # noqa: S311 - chance that only draws
    kinds: list[Callable[[random.Random, float], Iterator[tuple[float, float]]]] = [
        _diurnal, _bursts, _timer, _diurnal, _bursts, _drops, _diurnal, _training,
    ]  # fmt: skip
    arrivals: list[Arrival] = []
    for number in range(workers):
        kind = kinds[number % len(kinds)]
        name = f"{kind.__name__.strip('_')}-{number}"
        arrivals += (Arrival(at, name, took) for at, took in kind(rng, days * _DAY_S))
    return ordered(arrivals)


def _around(rng: random.Random, median_s: float, spread: float = 0.4) -> float:
    return median_s * math.exp(rng.gauss(0, spread))


def _diurnal(rng: random.Random, length_s: float) -> Iterator[tuple[float, float]]:
    """By day up to a hundred an hour, by night next to nothing."""
    peak = math.exp(rng.uniform(math.log(4), math.log(90)))
    service_s, noon = rng.uniform(5, 40), rng.uniform(0.3, 0.7) * _DAY_S
    at = 0.0
    while (at := at + rng.expovariate(peak / 3600)) < length_s:
        height = 0.5 + 0.5 * math.cos(2 * math.pi * (at - noon) / _DAY_S)
        if rng.random() < 0.03 + 0.97 * height**2:
            yield at, _around(rng, service_s)


def _bursts(rng: random.Random, length_s: float) -> Iterator[tuple[float, float]]:
    """Somebody works for a while, a picture a minute or so, and is gone for hours."""
    between_s, service_s = rng.uniform(1, 6) * 3600, rng.uniform(8, 45)
    pause_s = rng.uniform(20, 150)
    at = 0.0
    while (at := at + rng.expovariate(1 / between_s)) < length_s:
        for _ in range(1 + int(rng.expovariate(1 / 15))):
            if at >= length_s:
                return
            for _ in range(rng.choice((1, 1, 2, 4))):
                yield at + rng.random(), _around(rng, service_s)
            at += rng.expovariate(1 / pause_s)


def _timer(rng: random.Random, length_s: float) -> Iterator[tuple[float, float]]:
    """Each half hour, hour or three hours, give or take seconds."""
    period_s, service_s = rng.choice((1800.0, 3600.0, 10800.0)), rng.uniform(20, 90)
    at = rng.uniform(0, period_s)
    while at < length_s:
        yield at + rng.uniform(0, 5), _around(rng, service_s, 0.1)
        at += period_s


def _drops(rng: random.Random, length_s: float) -> Iterator[tuple[float, float]]:
    """A few times a day many files at once."""
    between_s, service_s = rng.uniform(4, 12) * 3600, rng.uniform(5, 25)
    at = 0.0
    while (at := at + rng.expovariate(1 / between_s)) < length_s:
        for _ in range(int(20 + rng.expovariate(1 / 100))):
            yield at + rng.uniform(0, 10), _around(rng, service_s, 0.2)


def _training(rng: random.Random, length_s: float) -> Iterator[tuple[float, float]]:
    """A few a day, each for most of an hour."""
    at = 0.0
    while (at := at + rng.expovariate(4 / _DAY_S)) < length_s:
        yield at, _around(rng, 2400, 0.4)
