"""Pictures to learn from, drawn by chance: nobody else's are needed.

Most are dead leaves: discs and polygons of every size fallen on each other, small ones far more
often than large ones. Their statistics are close to those of photographs, which is why they teach
what photographs teach. The rest are pages of print, lines, and smooth noise.
"""

import math
from random import Random

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter, ImageFont

SIDE = 192
FINER = 2
"""Drawn this much larger, then made smaller: PIL's own edges are jagged."""
LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.,:;!?$%&()-+ "


def album(rng: Random, count: int) -> NDArray[np.uint8]:
    """(count, SIDE, SIDE, 3)."""
    return np.stack([picture(rng) for _ in range(count)])


def picture(rng: Random) -> NDArray[np.uint8]:
    """One of the kinds above."""
    kind = rng.random()
    drawn = _leaves(rng) if kind < 0.65 else _page(rng) if kind < 0.85 else _lines(rng)
    small = drawn.resize((SIDE, SIDE), Image.Resampling.LANCZOS)
    if rng.random() < 0.3:
        small = small.filter(ImageFilter.GaussianBlur(rng.uniform(0.3, 1.2)))
    pixels = np.asarray(small, np.float32)
    if rng.random() < 0.5:
        pixels = pixels + rng.uniform(4, 40) * _noise(rng)[..., None]
    return pixels.clip(0, 255).round().astype(np.uint8)


def _colour(rng: Random) -> tuple[int, int, int]:
    grey = rng.randint(0, 255)
    spread = rng.choice([0, 20, 60, 120])
    red, green, blue = (min(255, max(0, grey + rng.randint(-spread, spread))) for _ in range(3))
    return red, green, blue


def _blank(rng: Random) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    drawn = Image.new("RGB", (SIDE * FINER, SIDE * FINER), _colour(rng))
    return drawn, ImageDraw.Draw(drawn)


def _leaves(rng: Random) -> Image.Image:
    drawn, pen = _blank(rng)
    side = SIDE * FINER
    for _ in range(rng.randint(100, 500)):
        # Radii r in proportion to r**-3, between 2 and half a picture's side.
        radius = 1 / math.sqrt(rng.uniform(1 / (side / 3) ** 2, 1 / (2 * FINER) ** 2))
        x, y, corners = rng.uniform(0, side), rng.uniform(0, side), rng.choice([0, 3, 4, 5])
        if corners == 0:
            pen.ellipse((x - radius, y - radius, x + radius, y + radius), _colour(rng))
            continue
        turn = rng.uniform(0, math.tau)
        at = [turn + math.tau * corner / corners for corner in range(corners)]
        pen.polygon(
            [(x + radius * math.cos(a), y + radius * math.sin(a)) for a in at], _colour(rng)
        )
    return drawn


def _page(rng: Random) -> Image.Image:
    drawn, pen = _blank(rng)
    y = 0.0
    while y < SIDE * FINER:
        size = rng.randint(9, 40) * FINER
        line = "".join(rng.choice(LETTERS) for _ in range(40))
        at = (rng.randint(-40, 20), y)
        pen.text(at, line, _colour(rng), ImageFont.load_default(size))
        y += size * rng.uniform(0.9, 1.4)
    return drawn


def _lines(rng: Random) -> Image.Image:
    drawn, pen = _blank(rng)
    side = SIDE * FINER
    for _ in range(rng.randint(20, 120)):
        ends = [rng.uniform(0, side) for _ in range(4)]
        pen.line(ends, _colour(rng), rng.randint(1, 6) * FINER // 2 + 1)
    return drawn


def _noise(rng: Random) -> NDArray[np.float32]:
    """As grainy at every size as photographs: power falls with the square of the frequency."""
    chance = np.random.default_rng(rng.getrandbits(32))
    y, x = np.meshgrid(np.fft.fftfreq(SIDE), np.fft.fftfreq(SIDE), indexing="ij")
    weight = 1 / np.maximum(np.hypot(x, y), 1 / SIDE) ** rng.uniform(0.8, 1.6)
    made = np.fft.ifft2(np.fft.fft2(chance.standard_normal((SIDE, SIDE))) * weight).real
    return np.asarray(made / made.std(), np.float32)
