"""What a safetensors file says of itself, believed only after it was checked.

Format: eight bytes with the header's length, little endian; the header, a JSON object; the tensors'
bytes without gaps (huggingface/safetensors, README "Format"). A file that says anything else is
refused before a byte of it is mapped: names, types, lengths and places all come from whoever wrote it.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeGuard

from pilotlight import WorkerError

if TYPE_CHECKING:
    from collections.abc import Callable

LENGTH_BYTES: Final = 8
MAX_HEADER_BYTES: Final = 100_000_000
"""The format's own limit."""
_MAX_DIMENSIONS: Final = 64
_MAX_NAME: Final = 4096
_METADATA: Final = "__metadata__"
ITEM_BYTES: Final = {
    "BOOL": 1, "U8": 1, "I8": 1, "F8_E4M3": 1, "F8_E5M2": 1, "F8_E8M0": 1,
    "U16": 2, "I16": 2, "F16": 2, "BF16": 2,
    "U32": 4, "I32": 4, "F32": 4,
    "U64": 8, "I64": 8, "F64": 8, "C64": 8,
}  # fmt: skip


class WeightsRefused(WorkerError):
    """The file is not what it says it is."""

    code = "weights_refused"


@dataclass(frozen=True, slots=True)
class Tensor:
    dtype: str
    shape: tuple[int, ...]
    begin: int
    """In the file."""
    end: int


def read_header(read: Callable[[int, int], bytes], *, size: int, name: str) -> dict[str, Tensor]:
    """The tensors by name, in the order of the file.

    ``read(offset, length)`` gives the file's bytes, ``size`` is its length. Raises WeightsRefused
    with the file's ``name`` and what is wrong.
    """
    try:
        return _checked(read, size)
    except _Wrong as problem:
        raise WeightsRefused(f"{name} is no valid safetensors file: {problem}") from None


class _Wrong(ValueError):
    """What is wrong, in words."""


def _checked(read: Callable[[int, int], bytes], size: int) -> dict[str, Tensor]:
    if size < LENGTH_BYTES:
        raise _Wrong(f"{size} bytes are too few")
    length = int.from_bytes(read(0, LENGTH_BYTES), "little")
    if length > min(MAX_HEADER_BYTES, size - LENGTH_BYTES):
        raise _Wrong(f"its header is said to have {length} bytes")
    data_at = LENGTH_BYTES + length
    described = _parsed(read(LENGTH_BYTES, length))
    _metadata(described.pop(_METADATA, {}))
    found = {name: _tensor(name, fields, data_at) for name, fields in described.items()}
    ordered = sorted(found.items(), key=lambda pair: (pair[1].begin, pair[1].end))
    _without_gaps(ordered, data_at, size)
    return dict(ordered)


def _parsed(text: bytes) -> dict[str, Any]:
    if not text.startswith(b"{"):
        raise _Wrong("its header is no JSON object")
    try:
        parsed: dict[str, Any] = json.loads(text, object_pairs_hook=_once)
    except _Wrong:
        raise
    except (ValueError, RecursionError) as error:
        raise _Wrong(f"its header is no JSON ({type(error).__name__})") from None
    return parsed


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _Wrong("a name in its header comes twice")
    return found


def _metadata(found: Any) -> None:
    texts = isinstance(found, dict) and all(isinstance(one, str) for one in found.values())
    if not texts:
        raise _Wrong("its metadata is not texts by name")


def _tensor(name: str, fields: Any, data_at: int) -> Tensor:
    if len(name) > _MAX_NAME or not isinstance(fields, dict):
        raise _Wrong(f"tensor {name[:80]!r} is not described")
    dtype, shape, offsets = (fields.get(key) for key in ("dtype", "shape", "data_offsets"))
    if not isinstance(dtype, str) or dtype not in ITEM_BYTES:
        raise _Wrong(f"tensor {name!r} has the type {str(dtype)[:40]!r}")
    if not _whole(shape) or len(shape) > _MAX_DIMENSIONS:
        raise _Wrong(f"tensor {name!r} has no valid shape")
    if not _whole(offsets) or len(offsets) != 2:
        raise _Wrong(f"tensor {name!r} has no valid place")
    begin, end = offsets
    if end - begin != math.prod(shape) * ITEM_BYTES[dtype]:
        raise _Wrong(f"tensor {name!r} of {shape} {dtype} does not take {end - begin} bytes")
    return Tensor(dtype, tuple(shape), data_at + begin, data_at + end)


def _whole(values: Any) -> TypeGuard[list[int]]:
    """A list of whole numbers from 0 on; True is none of them."""
    return isinstance(values, list) and all(type(one) is int and one >= 0 for one in values)


def _without_gaps(ordered: list[tuple[str, Tensor]], data_at: int, size: int) -> None:
    """Every byte belongs to exactly one tensor: nothing is hidden, nothing is shared."""
    at = data_at
    for name, tensor in ordered:
        if tensor.begin != at:
            raise _Wrong(f"tensor {name!r} begins at {tensor.begin}, not at {at}")
        at = tensor.end
    if at != size:
        raise _Wrong(f"its tensors end at {at}, the file at {size}")
