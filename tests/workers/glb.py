"""Reads a GLB as the specification has it, and holds it to what a viewer relies on.

https://registry.khronos.org/glTF/specs/2.0/glTF-2.0.html: nothing here comes from the writer.
"""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from typing import Any

import numpy as np

NUMBERS = {5121: np.dtype("u1"), 5123: np.dtype("<u2"), 5125: np.dtype("<u4"),
           5126: np.dtype("<f4")}  # fmt: skip
WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4}
ARRAY, ELEMENTS, TRIANGLES = 34962, 34963, 4


@dataclass
class Opened:
    corners: np.ndarray
    normals: np.ndarray
    colours: np.ndarray
    faces: np.ndarray
    document: dict[str, Any]


def opened(content: bytes) -> Opened:
    document, data = _chunks(content)
    assert document["asset"]["version"] == "2.0"
    (buffer,) = document["buffers"]
    assert "uri" not in buffer
    assert 0 <= len(data) - buffer["byteLength"] <= 3
    scene = document["scenes"][document["scene"]]
    node = document["nodes"][scene["nodes"][0]]
    (surface,) = document["meshes"][node["mesh"]]["primitives"]
    assert surface.get("mode", TRIANGLES) == TRIANGLES
    assert surface["material"] < len(document["materials"])
    named = surface["attributes"]
    corners, normals, colours = (
        _numbers(document, data, named[name], ARRAY) for name in ("POSITION", "NORMAL", "COLOR_0")
    )
    faces = _numbers(document, data, surface["indices"], ELEMENTS).reshape(-1, 3)
    place = document["accessors"][named["POSITION"]]
    assert np.array_equal(np.asarray(place["min"], "f4"), corners.min(0))
    assert np.array_equal(np.asarray(place["max"], "f4"), corners.max(0))
    assert document["accessors"][surface["indices"]]["type"] == "SCALAR"
    assert len(corners) == len(normals) == len(colours)
    assert faces.max() < len(corners)
    assert np.isfinite(corners).all()
    assert np.allclose(np.linalg.norm(normals, axis=1), 1, atol=1e-4)
    return Opened(corners, normals, colours, faces, document)


def _chunks(content: bytes) -> tuple[dict[str, Any], bytes]:
    magic, version, length = struct.unpack_from("<4sII", content)
    assert (magic, version, length) == (b"glTF", 2, len(content))
    found, at = [], 12
    while at < len(content):
        size, kind = struct.unpack_from("<I4s", content, at)
        assert size % 4 == 0
        found.append((kind, content[at + 8 : at + 8 + size]))
        assert len(found[-1][1]) == size
        at += 8 + size
    assert [kind for kind, _ in found] == [b"JSON", b"BIN\0"]
    return json.loads(found[0][1].decode()), found[1][1]


def _numbers(document, data, number, target):
    accessor = document["accessors"][number]
    view = document["bufferViews"][accessor["bufferView"]]
    kind, width = NUMBERS[accessor["componentType"]], WIDTHS[accessor["type"]]
    start = view.get("byteOffset", 0) + accessor.get("byteOffset", 0)
    stride = view.get("byteStride", kind.itemsize * width)
    assert view["target"] == target
    assert start % 4 == 0
    assert stride % 4 == 0 or target == ELEMENTS
    assert accessor["count"] * stride <= view["byteLength"]
    assert view.get("byteOffset", 0) + view["byteLength"] <= document["buffers"][0]["byteLength"]
    if kind.kind == "u" and target == ARRAY:
        assert accessor["normalized"] is True
    read = np.frombuffer(data, kind, accessor["count"] * width, start)
    return read.reshape(accessor["count"], width)


def volume(found: Opened) -> float:
    """Of a closed surface; more than nothing where its triangles face outward."""
    one, two, three = (found.corners[found.faces[:, side]].astype(float) for side in range(3))
    return float((np.cross(one, two) * three).sum() / 6)


def is_closed(found: Opened) -> bool:
    """Every edge has a triangle on either side, and they go along it in opposite ways."""
    ways = np.concatenate([found.faces[:, [a, b]] for a, b in ((0, 1), (1, 2), (2, 0))])
    there = {tuple(way) for way in ways.tolist()}
    return len(there) == len(ways) and all((b, a) in there for a, b in there)
