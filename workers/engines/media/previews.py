"""What was found in a picture, drawn onto it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pilotlight import Image

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PIL.Image import Image as Picture

    from pilotlight import Context

COLOUR: Final = (255, 90, 0)
Box = tuple[float, float, float, float]
"""Left, top, right and bottom edge, as shares of the sides."""
Spot = tuple[float, float]
"""From the left and from the top, as shares of the sides."""


def preview(
    picture: Picture,
    context: Context,
    *,
    boxes: Sequence[tuple[Box, str]] = (),
    spots: Sequence[Spot] = (),
) -> Image:
    """Boxes with their labels, and spots, on ``picture`` itself; a PNG of this attempt."""
    from PIL import ImageDraw

    pen, (width, height) = ImageDraw.Draw(picture), picture.size
    line = max(2, width // 200)
    for (left, top, right, bottom), label in boxes:
        edges = (left * width, top * height, right * width, bottom * height)
        pen.rectangle(edges, outline=COLOUR, width=line)
        pen.text((edges[0] + 4, edges[1] + 4), label, fill=COLOUR)
    for x, y in spots:
        pen.circle((x * width, y * height), 3 * line, fill=COLOUR, outline="white", width=line // 2)
    path = context.folder / "preview.png"
    picture.save(path)
    return Image.at(path, width=width, height=height, content_type="image/png")
