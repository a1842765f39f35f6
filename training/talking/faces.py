"""Faces drawn from signed distances, with the mouth as far open as told."""

from random import Random
from typing import Final

import torch
from torch import Tensor

SIDE: Final = 96
"""Of every picture, in pixels."""
SKINS: Final = [
    (250, 220, 195), (240, 195, 160), (215, 160, 120), (170, 115, 80), (110, 70, 50),
    (255, 214, 90), (150, 205, 140), (150, 180, 230), (225, 160, 205), (235, 235, 235),
]  # fmt: skip
LIPS: Final = [(200, 70, 80), (150, 50, 60), (230, 120, 120), (90, 40, 40), (40, 30, 30)]
HAIR: Final = [(40, 30, 25), (110, 70, 40), (220, 180, 90), (190, 80, 40), (130, 130, 135)]
THROAT, TONGUE = (60, 12, 22), (205, 85, 95)
"""What shows where a mouth is open."""
NUMBERS: Final = (
    "x", "y", "wide", "high", "mouth_y", "mouth_w", "mouth_h", "lip", "smile", "eye_y", "eye_x",
    "eye_r", "white", "pupil", "look", "brow", "nose", "hair", "ears", "spot_x", "spot_y", "spot_r",
)  # fmt: skip
"""Of one face; lengths are fractions of the side, those below the head's own of its half height."""
COLOURS: Final = ("ground", "skin", "lips", "hair", "dress", "spot")

_DOWN, _ALONG = torch.meshgrid(torch.arange(SIDE) + 0.5, torch.arange(SIDE) + 0.5, indexing="ij")


class Faces:
    """Some faces, each of its own kind; ``numbers`` (n, NUMBERS), ``colours`` (n, COLOURS, 3)."""

    def __init__(self, rng: Random, count: int) -> None:
        every = [_face(rng) for _ in range(count)]
        self.numbers = torch.tensor([one[0] for one in every])
        self.colours = torch.tensor([one[1] for one in every]) / 255

    def some(self, rows: list[int]) -> "Faces":
        """Those of ``rows``."""
        taken = Faces.__new__(Faces)
        taken.numbers, taken.colours = self.numbers[rows], self.colours[rows]
        return taken

    def of(self, name: str) -> Tensor:
        return self.numbers[:, NUMBERS.index(name), None, None]

    def paint(self, name: str) -> Tensor:
        return self.colours[:, COLOURS.index(name), :, None, None]

    def draw(self, opening: Tensor) -> tuple[Tensor, Tensor]:
        """Pictures (n, 3, SIDE, SIDE), 0 to 1, and where the mouth can ever be (n, 1, ...).

        ``opening`` (n,), 0 to 1.
        """
        x, y = _ALONG / SIDE - self.of("x"), _DOWN / SIDE - self.of("y")
        unit, squeeze = self.of("high"), self.of("wide") / self.of("high")
        seen = self.paint("ground").expand(-1, -1, SIDE, SIDE).clone()
        spot = torch.hypot(_ALONG / SIDE - self.of("spot_x"), _DOWN / SIDE - self.of("spot_y"))
        seen = _over(seen, self.paint("spot"), spot - self.of("spot_r"))
        body = torch.hypot(x, (y - 2.1 * unit) / 1.0) - 1.25 * unit
        seen = _over(seen, self.paint("dress"), body)
        u, v = x / unit / squeeze, y / unit
        head = (torch.hypot(u, v) - 1) * unit * 0.9
        tuft = (torch.hypot(u, v + 0.12) - self.of("hair")) * unit
        seen = _over(
            seen, self.paint("hair"), torch.maximum(tuft, y - 0.5 * unit * self.of("ears"))
        )
        ear = torch.hypot((u.abs() - 1.0) * squeeze, v - 0.05) * unit - 0.17 * unit * self.of(
            "ears"
        )
        seen = _over(seen, self.paint("skin") * 0.93, ear)
        seen = _over(seen, self.paint("skin"), head)
        fringe = torch.maximum(head, (v + 0.62) * unit) + (1.05 - self.of("hair")).clamp(0) * 9
        seen = _over(seen, self.paint("hair"), fringe)
        seen = self._features(seen, u * squeeze, v, unit)
        return self._mouth(seen, u * squeeze, v, unit, opening[:, None, None])

    def _features(self, seen: Tensor, u: Tensor, v: Tensor, unit: Tensor) -> Tensor:
        """Eyes, brows and nose; ``u`` and ``v`` in half heights of the head."""
        aside = u.abs() - self.of("eye_x")
        up, size = v + self.of("eye_y"), self.of("eye_r")
        white = (torch.hypot(aside, up) - size * 1.7) * unit
        seen = _over(seen, torch.full((1, 3, 1, 1), 0.97), white + (1 - self.of("white")) * 9)
        turned = (u - self.of("look") * size).abs() - self.of("eye_x")
        pupil = (torch.hypot(turned, up) - size * self.of("pupil")) * unit
        seen = _over(seen, torch.full((1, 3, 1, 1), 0.08), pupil)
        brow = torch.maximum((up + size * 2.4).abs() - 0.035, aside.abs() - size * 1.6) * unit
        seen = _over(seen, self.paint("hair") * 0.7, brow + (1 - self.of("brow")) * 9)
        nose = torch.hypot(u / 0.7, (v - 0.12) / 1.3) - 0.1 * self.of("nose")
        return _over(seen, self.paint("skin") * 0.82, nose * unit + (self.of("nose") < 0.3) * 9.0)

    def _mouth(
        self, seen: Tensor, u: Tensor, v: Tensor, unit: Tensor, opening: Tensor
    ) -> tuple[Tensor, Tensor]:
        half = self.of("mouth_w") * (1 - 0.18 * opening)
        drop = v - self.of("mouth_y") - self.of("smile") * (0.4 - (u / half).square().clamp(0, 1.5))
        tall = self.of("mouth_h") * opening
        lip = self.of("lip")
        mid = drop - 0.55 * tall
        lips = _ellipse(u, mid, half + lip, tall + lip) * unit
        inner = _ellipse(u, mid, half - 0.3 * lip, (tall - 0.2 * lip).clamp(1e-3)) * unit
        inner = torch.where(tall > 0.4 * lip, inner, torch.ones_like(inner))
        tongue = torch.maximum(
            inner + 0.02 * unit, (torch.hypot(u, mid - tall) - 0.75 * half) * unit
        )
        seen = _over(seen, self.paint("lips"), lips)
        seen = _over(seen, _colour(THROAT), inner)
        seen = _over(seen, _colour(TONGUE), torch.where(opening > 0.45, tongue, 1.0))
        reach = 1.35 * self.of("mouth_h") + 3 * lip
        zone = torch.maximum(
            u.abs() - self.of("mouth_w") - 3 * lip, (drop - 0.3 * reach).abs() - reach
        )
        return seen, (zone < 0)[:, None].float()


def _ellipse(u: Tensor, v: Tensor, a: Tensor, b: Tensor) -> Tensor:
    """Roughly the distance to its border, in the units of ``u``."""
    share = torch.hypot(u / a, v / b)
    return (share - 1) * share / torch.hypot(u / a.square(), v / b.square()).clamp(1e-3)


def _over(seen: Tensor, paint: Tensor, distance: Tensor) -> Tensor:
    cover = (0.5 - distance * SIDE).clamp(0, 1)[:, None]
    return seen * (1 - cover) + paint * cover


def _colour(told: tuple[int, int, int]) -> Tensor:
    return torch.tensor(told).view(1, 3, 1, 1) / 255


def _face(rng: Random) -> tuple[list[float], list[list[float]]]:
    high = rng.uniform(0.24, 0.44)
    numbers = {
        "x": rng.uniform(0.42, 0.58), "y": rng.uniform(0.4, 0.56), "high": high,
        "wide": high * rng.uniform(0.75, 1.0), "mouth_y": rng.uniform(0.38, 0.55),
        "mouth_w": rng.uniform(0.22, 0.42), "mouth_h": rng.uniform(0.17, 0.24),
        "lip": rng.uniform(0.03, 0.07), "smile": rng.uniform(-0.03, 0.12),
        "eye_y": rng.uniform(0.08, 0.3), "eye_x": rng.uniform(0.28, 0.45),
        "eye_r": rng.uniform(0.07, 0.12), "white": float(rng.random() < 0.6),
        "pupil": rng.uniform(0.6, 1), "look": rng.uniform(-0.5, 0.5),
        "brow": float(rng.random() < 0.6), "nose": rng.uniform(0, 1),
        "hair": rng.choice([0.0, rng.uniform(1.05, 1.25)]), "ears": float(rng.random() < 0.6),
        "spot_x": rng.random(), "spot_y": rng.random(), "spot_r": rng.uniform(-0.3, 0.3),
    }  # fmt: skip
    anything = [[rng.randint(10, 245) for _ in range(3)] for _ in range(3)]
    chosen = [anything[0], rng.choice(SKINS), rng.choice(LIPS), rng.choice(HAIR), *anything[1:]]
    shaded = [[min(255.0, max(0.0, part + rng.uniform(-14, 14))) for part in one] for one in chosen]
    return [float(numbers[name]) for name in NUMBERS], shaded
