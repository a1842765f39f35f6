"""Media that were cut, bent and lied about: measured in the ingress, decoded in a process apart."""

from __future__ import annotations

import io
import struct

from hypothesis import strategies as st
from PIL import Image

from pilotlight import InvalidInput
from pilotlight.contracts.media import Media
from pilotlight.intake.media_limits import fault_of, measure
from tests import bombs
from tests.fuzz.tally import fuzzed
from workers.engines.media import decoder, pictures

PICTURE = Media("image", 10**9, max_width=64, max_height=64)
SOUND = Media("audio", 10**9, max_s=10)
FORMATS = ("PNG", "JPEG", "GIF", "WEBP", "TIFF", "BMP")


def _drawn(name):
    file = io.BytesIO()
    Image.effect_mandelbrot((40, 30), (-2, -1, 1, 1), 20).convert("RGB").save(file, name)
    return file.getvalue()


def _boxes(depth):
    """An MP4 of boxes within boxes."""
    made = b""
    for number in range(depth):
        kind = (b"stbl", b"minf", b"mdia", b"trak", b"moov")[number % 5]
        made = struct.pack(">I", len(made) + 8) + kind + made
    return b"\x00\x00\x00\x14ftypisom\x00\x00\x00\x00isom" + made


DRAWN = [_drawn(name) for name in FORMATS]
HEARD = [
    bombs.wav(1),
    bombs.wav(1, claimed_bytes=0xFFFFFFF0),
    _boxes(4000),
    b"OggS" + bytes(60),
    b"fLaC\x00\x00\x00\x22" + bytes(40),
    b"ID3\x04\x00\x00\x7f\x7f\x7f\x7f" + bytes(40),
    b"\xff\xfb\x90\x64" * 50,
]


@st.composite
def bent(draw, whole):
    """A file of which some bytes are others, too many or too few."""
    data = bytearray(draw(st.sampled_from(whole)))
    for _ in range(draw(st.integers(0, 6))):
        at = draw(st.integers(0, max(0, min(len(data), 300) - 1)))
        match draw(st.integers(0, 3)):
            case 0:
                data[at : at + 1] = bytes([draw(st.integers(0, 255))])
            case 1:
                del data[at:]
            case 2:
                data[at:at] = draw(st.binary(min_size=1, max_size=8))
            case _:
                data[at : at + 4] = struct.pack(">I", draw(st.integers(0, 2**32 - 1)))
    return bytes(data)


@fuzzed(data=bent(DRAWN))
def test_the_sides_of_a_picture_are_numbers_or_unknown(data):
    found = measure(PICTURE, io.BytesIO(data))

    assert (found.width is None) == (found.height is None)
    assert found.width is None or (found.width > 0 and found.height > 0)
    fault_of(PICTURE, found)


@fuzzed(data=bent(HEARD))
def test_the_length_of_a_sound_is_a_number_or_unknown(data):
    found = measure(SOUND, io.BytesIO(data))

    assert found.length_s is None or found.length_s > 0
    fault_of(SOUND, found)


@fuzzed(data=bent(DRAWN))
def test_a_picture_is_decoded_or_its_field_is_named(data):
    try:
        sides, where = pictures.picture(data, "image_url").size, None
    except InvalidInput as error:
        sides, where = (1, 1), error.problems[0].loc
    assert where in (None, ("body", "image_url"))
    assert 0 < sides[0] * sides[1] <= decoder.MOST_PIXELS
