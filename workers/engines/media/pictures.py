"""Pictures that callers sent, decoded under limits in a process of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from workers.engines.media import decoder

if TYPE_CHECKING:
    from pathlib import Path

    from PIL.Image import Image

Mode = Literal["RGB", "RGBA", "L", "hole"]
"""``hole``: as L, and white where the picture is transparent; one that is nowhere transparent is L."""
MASKS: Final[dict[str, Mode]] = {"white": "L", "transparent": "hole"}
"""By ``mask_by`` of an input."""


def picture(source: Path | bytes, field: decoder.Field, *, mode: Mode | None = None) -> Image:
    """The picture, the right way up; of something that moves the first frame.

    Without a mode it is RGBA where anything shines through, else RGB. Raises InvalidInput that
    names ``field`` for what is no picture, has more than 40 megapixels, or breaks the decoder.
    """
    from PIL import Image as Pictures

    got = decoder.kept().one(
        source,
        field,
        do="picture",
        mode="RGBA" if mode == "hole" else mode,
        most_pixels=decoder.MOST_PIXELS,
    )
    seen = Pictures.frombytes(got.head["mode"], tuple(got.head["size"]), got.data)
    return _hole(seen) if mode == "hole" else seen


def _hole(picture: Image) -> Image:
    from PIL import ImageOps

    alpha = picture.getchannel("A")
    return ImageOps.invert(alpha) if alpha.getextrema() != (255, 255) else picture.convert("L")
