"""Recordings as telephones and radios leave them are heard as far as they can be."""

from __future__ import annotations

import av
import numpy as np
import pytest

from pilotlight import InvalidInput
from workers.engines.media.sounds import sound
from workers.engines.speech.files import SoundFile

RATE, SECONDS = 16_000, 4
TONE = (np.sin(np.arange(RATE * SECONDS) * 0.2) * 8000).astype(np.int16)


def recorded(path, form):
    file = SoundFile(path, RATE, form)
    file.add(TONE)
    file.close()
    return bytearray(path.read_bytes())


def damaged(path, form, *, share):
    """The middle ``share`` of it overwritten."""
    held = recorded(path, form)
    size = round(len(held) * share)
    at = (len(held) - size) // 2
    held[at : at + size] = b"\xaa" * size
    path.write_bytes(held)
    return path


@pytest.mark.parametrize("form", ["mp3", "aac", "opus", "flac"])
def test_a_damaged_moment_costs_that_moment(tmp_path, form):
    heard = sound(damaged(tmp_path / "a", form, share=0.01), "audio_url", rate=RATE)

    assert SECONDS - 1 <= heard.size / RATE < SECONDS + 0.2
    assert abs(heard).max() > 0.1


def test_what_is_damaged_from_one_end_to_the_other_is_no_sound(tmp_path):
    path = tmp_path / "a"
    recorded(path, "mp3")
    with av.open(path) as file:
        first = min(packet.pos for packet in file.demux() if packet.size)
    held = bytearray(path.read_bytes())
    for at in range(first + 4, len(held)):  # headers of frames are left as they are
        if held[at] != 0xFF:
            held[at] = 0xFE
    path.write_bytes(held)

    with pytest.raises(InvalidInput, match="audio_url is no sound that can be read"):
        sound(path, "audio_url", rate=RATE)
