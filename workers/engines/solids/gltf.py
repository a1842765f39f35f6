"""A coloured surface as a GLB: glTF 2.0 in one binary file, which browsers and 3D programs open.

The file's layout is that of the specification
(https://registry.khronos.org/glTF/specs/2.0/glTF-2.0.html): a header of twelve bytes, then a chunk
of JSON and a chunk of numbers, little-endian, each filled up to four bytes.
"""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

CONTENT_TYPE: Final = "model/gltf-binary"
_MAGIC, _VERSION = b"glTF", 2
_FLOAT, _BYTE, _WORD = 5126, 5121, 5125
"""``componentType``: float32, uint8, uint32."""
_CORNERS, _INDICES = 34962, 34963
"""``bufferView.target``."""
_TRIANGLES: Final = 4
_ROUGHNESS: Final = 0.9


@dataclass(frozen=True)
class Surface:
    """Triangles, counter-clockwise seen from outside, y up."""

    corners: NDArray[Any]
    """(n, 3), finite."""
    faces: NDArray[Any]
    """(m, 3), each a row of ``corners``."""
    colours: NDArray[Any]
    """(n, 3), red, green and blue from 0 to 1, linear."""


def write(path: Path, surface: Surface) -> None:
    """Raises ValueError for a surface without triangles, or with one that has no such corner."""
    _check(surface)
    path.write_bytes(_file(*_document(surface)))


def _check(surface: Surface) -> None:
    import numpy as np

    count = len(surface.corners)
    if not len(surface.faces):
        raise ValueError("a surface has one triangle at least")
    if surface.faces.min() < 0 or surface.faces.max() >= count:
        raise ValueError(f"a triangle has a corner that is none of the {count}")
    if len(surface.colours) != count or not np.isfinite(surface.corners).all():
        raise ValueError("each corner has a place and a colour")


def _document(surface: Surface) -> tuple[dict[str, Any], bytes]:
    import numpy as np

    corners = np.ascontiguousarray(surface.corners, "<f4")
    colours = np.full((len(corners), 4), 255, np.uint8)  # three bytes would not be aligned to four
    colours[:, :3] = (np.nan_to_num(surface.colours).clip(0, 1) * 255).round()
    faces = np.ascontiguousarray(surface.faces, "<u4")
    parts = [
        (corners, _CORNERS, {"componentType": _FLOAT, "type": "VEC3",
                             "min": corners.min(0).tolist(), "max": corners.max(0).tolist()}),
        (_normals(corners, faces), _CORNERS, {"componentType": _FLOAT, "type": "VEC3"}),
        (colours, _CORNERS, {"componentType": _BYTE, "type": "VEC4", "normalized": True}),
        (faces.reshape(-1), _INDICES, {"componentType": _WORD, "type": "SCALAR"}),
    ]  # fmt: skip
    views, data = [], b""
    for numbers, target, _ in parts:  # every one is a multiple of four bytes long
        views.append({"buffer": 0, "byteOffset": len(data), "byteLength": numbers.nbytes,
                      "target": target})  # fmt: skip
        data += numbers.tobytes()
    accessors = [
        {"bufferView": place, "count": len(numbers), **facts}
        for place, (numbers, _, facts) in enumerate(parts)
    ]
    return _scene(accessors, views, len(data)), data


def _scene(accessors: list[Any], views: list[Any], length: int) -> dict[str, Any]:
    surface = {
        "attributes": {"POSITION": 0, "NORMAL": 1, "COLOR_0": 2},
        "indices": 3, "material": 0, "mode": _TRIANGLES,
    }  # fmt: skip
    look = {"metallicFactor": 0.0, "roughnessFactor": _ROUGHNESS}
    return {
        "asset": {"version": "2.0", "generator": "pilotlight"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0}],
        "meshes": [{"primitives": [surface]}],
        "materials": [{"pbrMetallicRoughness": look}],
        "accessors": accessors,
        "bufferViews": views,
        "buffers": [{"byteLength": length}],
    }


def _normals(corners: NDArray[Any], faces: NDArray[Any]) -> NDArray[Any]:
    """Of length one at every corner: its triangles' own, each as much as its area."""
    import numpy as np

    one, two, three = (corners[faces[:, side]].astype(np.float64) for side in range(3))
    across = np.cross(two - one, three - one)
    summed = np.zeros((len(corners), 3))
    for side in range(3):
        for axis in range(3):
            summed[:, axis] += np.bincount(
                faces[:, side], weights=across[:, axis], minlength=len(corners)
            )
    lengths = np.linalg.norm(summed, axis=1, keepdims=True)
    up = np.array([0.0, 1.0, 0.0])  # where triangles of no area meet
    return np.where(lengths > 0, summed / np.where(lengths > 0, lengths, 1), up).astype("<f4")


def _file(document: dict[str, Any], data: bytes) -> bytes:
    said = _chunk(b"JSON", json.dumps(document, separators=(",", ":")).encode(), b" ")
    numbers = _chunk(b"BIN\0", data, b"\0")
    length = 12 + len(said) + len(numbers)
    return struct.pack("<4sII", _MAGIC, _VERSION, length) + said + numbers


def _chunk(kind: bytes, content: bytes, filling: bytes) -> bytes:
    content += filling * (-len(content) % 4)
    return struct.pack("<I4s", len(content), kind) + content
