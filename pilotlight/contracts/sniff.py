"""What a file is, told from its first bytes; what it is called and what its sender says is ignored.

HTML and SVG are recognised so that they can be refused: both run scripts where they are shown.
"""

from __future__ import annotations

from typing import Final

HEAD_BYTES: Final = 1024
"""As much of the beginning as :func:`sniff` looks at; a tar's mark is at 257."""

_START: Final = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"II*\x00", "image/tiff"),
    (b"MM\x00*", "image/tiff"),
    (b"fLaC", "audio/flac"),
    (b"OggS", "audio/ogg"),
    (b"ID3", "audio/mpeg"),
    (b"PK\x03\x04", "application/zip"),
    (b"PK\x05\x06", "application/zip"),
    (b"\x1f\x8b\x08", "application/gzip"),
    (b"%PDF-", "application/pdf"),
    (b"glTF", "model/gltf-binary"),
)
_RIFF: Final = {b"WEBP": "image/webp", b"WAVE": "audio/wav", b"AVI ": "video/x-msvideo"}
_BRANDS: Final = {
    b"avif": "image/avif",
    b"avis": "image/avif",
    b"qt  ": "video/quicktime",
    b"M4A ": "audio/mp4",
    b"M4B ": "audio/mp4",
}
_STILLS: Final = frozenset({b"heic", b"heix", b"heim", b"heis"})
"""What phones take. Few libraries read them, so they are taken only where a contract names them."""
_NOT_MP4: Final = frozenset({b"hevc", b"mif1", b"msf1"})
_OLD_MOVIE: Final = frozenset({b"moov", b"mdat", b"wide", b"free", b"skip"})
"""Atoms a QuickTime file from before ``ftyp`` may begin with."""
_MARKUP: Final = (
    b"<!doctype html",
    b"<html",
    b"<head",
    b"<body",
    b"<script",
    b"<iframe",
    b"<title",
    b"<!--",
)
_REFUSED: Final = frozenset({"text/html", "image/svg+xml"})
_MAX_SAFETENSORS_HEADER: Final = 25 * 1024 * 1024

_CONTAINERS: Final = frozenset({"video/mp4", "video/webm", "video/x-matroska", "video/quicktime"})
"""May as well hold sound alone; callers of speech endpoints send them."""
_KINDS: Final[dict[str, frozenset[str]]] = {
    "image": frozenset(
        f"image/{name}" for name in ("png", "jpeg", "gif", "webp", "avif", "bmp", "tiff")
    ),
    "audio": frozenset(f"audio/{name}" for name in ("wav", "mpeg", "flac", "ogg", "aac", "mp4"))
    | _CONTAINERS,
    "video": _CONTAINERS | {"video/x-msvideo", "image/gif"},
    "archive": frozenset({"application/zip", "application/gzip", "application/x-tar"}),
    "weights": frozenset({"application/x-safetensors"}),
}


def sniff(head: bytes) -> str | None:
    """The content type that these first bytes (1024 are enough) prove, else None."""
    head = head[:HEAD_BYTES]
    for mark, content_type in _START:
        if head.startswith(mark):
            return content_type
    return _container(head) or _sound(head) or _rest(head) or _markup(head)


def matches(kind: str, content_type: str | None) -> bool:
    """Whether a file of this sniffed type may stand where ``kind`` (a MediaKind) is asked for.

    ``any`` is for results, which may be what no input may, such as SVG.
    """
    if kind == "any":
        return True
    if kind == "file":
        return content_type not in _REFUSED
    return content_type in _KINDS[kind]


def _container(head: bytes) -> str | None:
    if head[:4] in {b"RIFF", b"RF64"}:
        return _RIFF.get(head[8:12])
    if head[4:8] == b"ftyp":
        return _brand(head)
    if head[4:8] in _OLD_MOVIE:
        return "video/quicktime"
    if head.startswith(b"\x1a\x45\xdf\xa3"):  # EBML: the document type tells the two apart
        return "video/webm" if b"webm" in head[:64] else "video/x-matroska"
    return None


def _brand(head: bytes) -> str | None:
    """ISO base media: major brand at 8, compatible ones from 16 to the end of the box."""
    end = min(int.from_bytes(head[:4], "big"), len(head))
    brands = [head[8:12], *(head[at : at + 4] for at in range(16, end, 4))]
    if brands[0] in _BRANDS:
        return _BRANDS[brands[0]]
    if b"avif" in brands:
        return "image/avif"
    if _STILLS.intersection(brands):
        return "image/heic"
    return None if brands[0] in _NOT_MP4 else "video/mp4"


def _sound(head: bytes) -> str | None:
    """Frames without a file header: eleven bits of sync, then version and layer."""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return None
    layer = head[1] & 0x06
    if layer == 0:
        return "audio/aac" if head[1] & 0xF0 == 0xF0 else None
    version_known = head[1] & 0x18 != 0x08
    rate_known = head[2] & 0xF0 != 0xF0 and head[2] & 0x0C != 0x0C
    return "audio/mpeg" if version_known and rate_known else None


def _rest(head: bytes) -> str | None:
    if head.startswith(b"BM") and head[6:10] == bytes(4):
        return "image/bmp"
    if head[257:262] == b"ustar":
        return "application/x-tar"
    header = int.from_bytes(head[:8], "little")
    if head[8:9] == b"{" and 2 <= header <= _MAX_SAFETENSORS_HEADER:
        return "application/x-safetensors"
    return None


def _markup(head: bytes) -> str | None:
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if not text.startswith(b"<"):
        return None
    if b"<svg" in text:
        return "image/svg+xml"
    if text.startswith(_MARKUP) or b"<html" in text or b"<script" in text:
        return "text/html"
    return None
