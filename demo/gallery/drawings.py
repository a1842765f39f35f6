"""What the starters are shown: pictures drawn here, so that nobody else's are needed."""

from __future__ import annotations

import io
import math
import zipfile
from typing import TYPE_CHECKING

from PIL import Image, ImageDraw, ImageFont

if TYPE_CHECKING:
    from collections.abc import Sequence

INVOICE = ("Invoice No. 20417", "Lighthouse oil, 12 barrels", "Total: $1,234.56")
HEART_COLOURS = {"red": "#dc2828", "blue": "#2850dc", "green": "#28aa3c", "purple": "#8c3cb4"}


def png(picture: Image.Image) -> bytes:
    held = io.BytesIO()
    picture.save(held, "PNG")
    return held.getvalue()


def invoice() -> bytes:
    """Three printed lines."""
    picture = Image.new("RGB", (640, 300), "white")
    for number, line in enumerate(INVOICE):
        at = (40, 40 + 80 * number)
        ImageDraw.Draw(picture).text(at, line, "black", ImageFont.load_default(40))
    return png(picture)


def clocks() -> bytes:
    """Two on a wall."""
    wall = Image.new("RGB", (600, 400), "#c8beaa")
    for x, y, radius in ((150, 200, 100), (450, 180, 90)):
        _clock(ImageDraw.Draw(wall), x, y, radius)
    return png(wall)


def ball() -> bytes:
    """Something red before something blue."""
    picture = Image.new("RGB", (200, 160), "#78aad2")
    ImageDraw.Draw(picture).ellipse((60, 40, 140, 120), "#c82828")
    return png(picture)


def circle() -> bytes:
    """A red one on blue, left of the middle."""
    picture = Image.new("RGB", (64, 64), "#2850dc")
    ImageDraw.Draw(picture).ellipse((11, 18, 37, 44), "#dc2828")
    return png(picture)


def harbour() -> bytes:
    """A red circle at the top left and two blue squares, on white."""
    picture = Image.new("RGB", (400, 400), "white")
    pen = ImageDraw.Draw(picture)
    pen.ellipse((30, 30, 110, 110), "red")
    pen.rectangle((40, 290, 110, 360), "blue")
    pen.rectangle((290, 150, 370, 230), "blue")
    return png(picture)


def face() -> bytes:
    """From the front, with its mouth closed."""
    picture = Image.new("RGB", (384, 384), "#9cc4e0")
    pen = ImageDraw.Draw(picture)
    pen.ellipse((60, 290, 324, 560), "#3c6e50")
    pen.ellipse((80, 40, 304, 300), "#5a3c28")
    pen.ellipse((92, 70, 292, 330), "#f0c3a0")
    for x in (150, 234):
        pen.ellipse((x - 16, 160, x + 16, 192), "white")
        pen.ellipse((x - 8, 168, x + 8, 184), "#141414")
    pen.ellipse((184, 206, 200, 230), "#d2a586")
    pen.ellipse((150, 254, 234, 272), "#c8505a")
    return png(picture)


def small_invoice() -> bytes:
    """The same three lines at a third of the size."""
    with Image.open(io.BytesIO(invoice())) as large:
        return png(large.resize((214, 100), Image.Resampling.LANCZOS))


def square() -> bytes:
    """A yellow one on blue."""
    picture = Image.new("RGB", (192, 192), "#2850dc")
    ImageDraw.Draw(picture).rectangle((48, 48, 144, 144), "#f0dc32")
    return png(picture)


def pair() -> bytes:
    """A red and a green circle on white."""
    picture = Image.new("RGB", (96, 96), "white")
    ImageDraw.Draw(picture).ellipse((6, 30, 42, 66), "#dc2828")
    ImageDraw.Draw(picture).ellipse((54, 30, 90, 66), "#28aa3c")
    return png(picture)


def right_half() -> bytes:
    """A mask."""
    mask = Image.new("L", (96, 96), 0)
    mask.paste(255, (48, 0, 96, 96))
    return png(mask)


def hearts() -> bytes:
    """A zip of twenty, each with its caption."""
    held, places = io.BytesIO(), [(44, 50), (52, 46), (48, 48), (46, 44), (50, 52)]
    with zipfile.ZipFile(held, "w") as archive:
        for number in range(20):
            colour = list(HEART_COLOURS)[number % len(HEART_COLOURS)]
            picture = Image.new("RGB", (384, 384), "white")
            outline = _heart(*places[number % len(places)], 22 + number % 10)
            ImageDraw.Draw(picture).polygon(outline, HEART_COLOURS[colour])
            archive.writestr(f"{number:02}.png", png(picture))
            archive.writestr(f"{number:02}.txt", f"a {colour} heart on a white background")
    return held.getvalue()


def _heart(x: float, y: float, size: float) -> Sequence[tuple[float, float]]:
    turns = [step / 100 * math.pi for step in range(200)]
    return [
        (
            4 * (x + size * math.sin(t) ** 3),
            4 * (y - size * (13 * math.cos(t) - 5 * math.cos(2 * t) - 2 * math.cos(3 * t)) / 16),
        )
        for t in turns
    ]


def _clock(pen: ImageDraw.ImageDraw, x: int, y: int, radius: int) -> None:
    edge = (x - radius, y - radius, x + radius, y + radius)
    pen.ellipse(edge, fill="white", outline="black", width=6)
    for hour in range(12):
        turn = hour * math.pi / 6
        at = (x + 0.8 * radius * math.sin(turn), y - 0.8 * radius * math.cos(turn))
        font = ImageFont.load_default(radius // 5)
        pen.text(at, str(hour or 12), "black", font, anchor="mm")
    pen.line((x, y, x + 0.4 * radius, y - 0.3 * radius), "black", 6)
    pen.line((x, y, x - 0.1 * radius, y - 0.65 * radius), "black", 4)
