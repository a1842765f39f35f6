"""Pictures of unusual kinds are seen as people see them."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from pilotlight import InvalidInput
from workers.engines.media.pictures import picture

RAMP = np.linspace(0, 65535, 16).reshape(4, 4).astype(np.uint16)


def as_file(drawn, form="PNG", **how):
    file = io.BytesIO()
    drawn.save(file, form, **how)
    return file.getvalue()


@pytest.mark.parametrize("form", ["PNG", "TIFF"])
@pytest.mark.parametrize("mode", [None, "RGB", "L"])
def test_sixteen_bits_are_not_all_white(form, mode):
    seen = np.asarray(picture(as_file(Image.fromarray(RAMP), form), "image_url", mode=mode))

    assert (seen.reshape(4, 4, -1)[..., 0] == RAMP >> 8).all()


@pytest.mark.parametrize("kind", [np.int32, np.float32])
def test_what_tells_no_brightest_is_refused(kind):
    with pytest.raises(InvalidInput, match="image_url has 32 bits a pixel"):
        picture(as_file(Image.fromarray(RAMP.astype(kind)), "TIFF"), "image_url", mode="RGB")


@pytest.mark.parametrize(("mode", "ground"), [("RGB", (255, 255, 255)), ("L", 0)])
def test_what_was_cut_away_does_not_come_back(mode, ground):
    cut = Image.new("RGBA", (2, 1), (255, 255, 0, 255))
    cut.putpixel((0, 0), (9, 200, 9, 0))

    seen = picture(as_file(cut), "image_url", mode=mode)

    assert seen.getpixel((0, 0)) == ground
    assert seen.getpixel((1, 0)) == cut.convert("RGB").convert(mode).getpixel((1, 0))


def test_palettes_shine_through_where_they_say_so():
    drawn = Image.new("P", (2, 1), 1)
    drawn.putpalette([9, 200, 9, 255, 0, 0])
    drawn.putpixel((0, 0), 0)

    seen = picture(as_file(drawn, transparency=0), "image_url", mode="RGB")

    assert [seen.getpixel((x, 0)) for x in range(2)] == [(255, 255, 255), (255, 0, 0)]


def test_a_mask_by_transparency_is_white_in_its_hole():
    seen = Image.new("RGBA", (4, 1), "white")
    seen.putpixel((1, 0), (255, 255, 255, 0))
    seen.putpixel((2, 0), (0, 0, 0, 255))

    assert list(picture(as_file(seen), "mask_url", mode="hole").tobytes()) == [0, 255, 0, 0]


def test_a_mask_without_a_hole_is_read_by_its_white():
    seen = Image.new("RGBA", (2, 1), "white")
    seen.putpixel((1, 0), (0, 0, 0, 255))

    for kind in ("RGBA", "RGB", "L"):
        assert list(picture(as_file(seen.convert(kind)), "mask_url", mode="hole").tobytes()) == [
            255,
            0,
        ]
