"""Pictures that callers sent, decoded under limits in a process of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from workers.engines.media import decoder

if TYPE_CHECKING:
    from pathlib import Path

    from PIL.Image import Image

Mode = Literal["RGB", "RGBA", "L"]


def picture(source: Path | bytes, field: decoder.Field, *, mode: Mode | None = None) -> Image:
    """The picture, the right way up; of something that moves the first frame.

    Without a mode it is RGBA where anything shines through, else RGB. Raises InvalidInput that
    names ``field`` for what is no picture, has more than 40 megapixels, or breaks the decoder.
    """
    from PIL import Image as Pictures

    got = decoder.kept().one(
        source, field, do="picture", mode=mode, most_pixels=decoder.MOST_PIXELS
    )
    return Pictures.frombytes(got.head["mode"], tuple(got.head["size"]), got.data)
