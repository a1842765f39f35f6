"""Files that are small to send and large, endless or hostile to decode."""

from __future__ import annotations

import io
import struct
import wave
import zipfile
import zlib


def _chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width, height):
    """Its header promises so many pixels of 24 bits."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + _chunk(b"IHDR", header)
        + _chunk(b"IDAT", zlib.compress(bytes(1 << 20)))
        + _chunk(b"IEND", b"")
    )


def gif(frames):
    """That many frames of one pixel each."""
    screen = b"GIF89a" + struct.pack("<HHBBB", 1, 1, 0x80, 0, 0) + b"\x00\x00\x00\xff\xff\xff"
    pause = b"\x21\xf9\x04\x00\x04\x00\x00\x00"
    frame = b"\x2c" + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\x02\x02\x44\x01\x00"
    return screen + (pause + frame) * frames + b"\x3b"


def archive(files, bytes_each):
    """A zip of zeros; a thousandth of what it unpacks to."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as target:
        for number in range(files):
            target.writestr(f"{number}.png", bytes(bytes_each))
    return packed.getvalue()


def wav(seconds, *, claimed_bytes=None):
    """Silence at 8 kHz, whose header may claim to be longer."""
    made = io.BytesIO()
    with wave.open(made, "wb") as target:
        target.setnchannels(1)
        target.setsampwidth(2)
        target.setframerate(8000)
        target.writeframes(bytes(16_000 * seconds))
    whole = bytearray(made.getvalue())
    if claimed_bytes is not None:
        whole[4:8] = whole[40:44] = struct.pack("<I", claimed_bytes)
    return bytes(whole)


def nested(depth):
    return b"[" * depth + b"]" * depth
