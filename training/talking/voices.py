"""Something like speech, made of numbers: buzzing syllables with formants, hisses and pauses."""

from random import Random
from typing import Final

import numpy as np
from numpy.typing import NDArray

from workers.engines.video.hearing import HOP, RATE, loudness, windows

PICTURES: Final = 25
"""Of a second of film."""
SILENT, WIDE = 0.06, 1.1
"""Loudness up to which a mouth stays closed, and from which it is open as wide as it goes."""
SMOOTH: Final = 5
"""Columns that a mouth takes to follow: 50 ms."""


def voice(rng: Random, seconds: float) -> NDArray[np.float64]:
    """(n,), -1 to 1, quiet or loud, with a little noise of the room."""
    noise = np.random.default_rng(rng.randrange(2**32))
    count = round(seconds * RATE)
    said = np.zeros(count)
    pitch, at = rng.uniform(85, 260), rng.uniform(0, 0.3)
    while at < seconds - 0.1:
        lasts = rng.uniform(0.06, 0.24)
        start, length = round(at * RATE), round(lasts * RATE)
        length = min(length, count - start)
        kind = _hiss(noise, length) if rng.random() < 0.2 else _vowel(rng, noise, length, pitch)
        swell = np.sin(np.linspace(0, np.pi, length)) ** rng.uniform(0.4, 1.2)
        said[start : start + length] += kind * swell * rng.uniform(0.15, 1)
        pitch = min(280, max(80, pitch * rng.uniform(0.9, 1.1)))
        at += lasts * rng.uniform(0.7, 1.1)
        at += rng.uniform(0.2, 0.7) if rng.random() < 0.15 else 0
    room = noise.standard_normal(count) * 10 ** rng.uniform(-4, -2.3)
    return (said * 0.3 + room) * 10 ** rng.uniform(-1, 0)


def _vowel(
    rng: Random, noise: np.random.Generator, length: int, pitch: float
) -> NDArray[np.float64]:
    phase = np.cumsum(pitch * (1 + 0.01 * noise.standard_normal(length).cumsum() / 50)) / RATE
    buzz = ((phase % 1) < 0.12).astype(float) - 0.12
    heights = np.fft.rfftfreq(length, 1 / RATE)
    formants = rng.uniform(250, 900), rng.uniform(800, 2400), rng.uniform(2200, 3400)
    shape = sum(
        gain / (1 + ((heights - hz) / (60 + hz * 0.06)) ** 2)
        for hz, gain in zip(formants, (1, 0.6, 0.25), strict=True)
    )
    made = np.fft.irfft(np.fft.rfft(buzz) * shape, length)
    return made / max(1e-9, float(np.sqrt((made**2).mean())))


def _hiss(noise: np.random.Generator, length: int) -> NDArray[np.float64]:
    made = np.diff(noise.standard_normal(length + 1))
    return 0.5 * made / max(1e-9, float(np.sqrt((made**2).mean())))


def openings(heard: NDArray[np.float64]) -> NDArray[np.float64]:
    """How far the mouth is open at each picture, 0 to 1: (pictures,)."""
    loud = np.convolve(loudness(heard), np.ones(SMOOTH) / SMOOTH, "same")
    count = max(1, round(len(heard) / RATE * PICTURES))
    middles = ((np.arange(count) + 0.5) / PICTURES * RATE / HOP).round().astype(int)
    there = loud[np.minimum(middles, len(loud) - 1)]
    return np.clip((there - SILENT) / (WIDE - SILENT), 0, 1) ** 0.8


def heard(rng: Random, count: int, seconds: float = 3) -> tuple[NDArray[np.float32], ...]:
    """Windows and openings of ``count`` voices: (n, BANDS, COLUMNS) and (n,)."""
    said = [voice(rng, seconds) for _ in range(count)]
    said.append(np.zeros(RATE))  # silence itself
    told = [windows(one, rate=PICTURES) for one in said]
    wide = [openings(one) for one in said]
    return np.concatenate(told).astype(np.float32), np.concatenate(wide).astype(np.float32)
