"""Headers of safetensors files by strangers: what is not exactly right is refused."""

from __future__ import annotations

import json

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save

from workers.engines.weights.header import WeightsRefused, read_header


def header_of(body, name="x.safetensors"):
    return read_header(lambda at, n: body[at : at + n], size=len(body), name=name)


def file_of(described, data=b"", *, length=None):
    text = described if isinstance(described, bytes) else json.dumps(described).encode()
    return (len(text) if length is None else length).to_bytes(8, "little") + text + data


def tensor(begin=0, end=8, shape=(2,), dtype="F32"):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": [begin, end]}


def test_what_the_library_writes_is_read_with_its_places():
    body = save(
        {"a": torch.arange(6.0).reshape(2, 3), "b": torch.ones(3, dtype=torch.bfloat16)},
        metadata={"format": "pt"},
    )
    found = header_of(body)

    assert {name: (one.dtype, one.shape) for name, one in found.items()} == {
        "a": ("F32", (2, 3)),
        "b": ("BF16", (3,)),
    }
    place = found["a"]
    values = torch.frombuffer(bytearray(body[place.begin : place.end]), dtype=torch.float32)
    assert values.tolist() == [0, 1, 2, 3, 4, 5]


EIGHT = b"\0" * 8
HOSTILE = {
    "too few bytes": b"\0" * 7,
    "a header longer than the file": file_of(b"{}", length=1000),
    "a header longer than any": (2**63).to_bytes(8, "little") + b"{}",
    "no object": file_of(b"[]"),
    "spaces before it": file_of(b"  {}"),
    "no JSON": file_of(b"{nonsense"),
    "not text": file_of(b"{\xff\xfe}"),
    "nested without end": file_of(b'{"a":' + b"[" * 200_000 + b"]" * 200_000 + b"}"),
    "a number of 5,000 digits": file_of(b'{"a":' + b"9" * 5000 + b"}"),
    "a name twice": file_of(b'{"a":1,"a":2}'),
    "metadata that is no text": file_of({"__metadata__": {"a": 1}}),
    "a tensor that is none": file_of({"a": 5}),
    "an unknown type": file_of({"a": tensor(dtype="PICKLE")}, EIGHT),
    "a shape below zero": file_of({"a": tensor(shape=(-2,))}, EIGHT),
    "a shape that is true": file_of({"a": tensor(shape=(True, 2))}, EIGHT),
    "a shape of fractions": file_of({"a": tensor(shape=(2.0,))}, EIGHT),
    "a shape that overflows": file_of({"a": tensor(shape=(2**62, 4))}, EIGHT),
    "an end before the begin": file_of({"a": tensor(begin=8, end=0)}, EIGHT),
    "a length that is not its shape's": file_of({"a": tensor(shape=(3,))}, EIGHT),
    "beyond the end": file_of({"a": tensor(begin=8, end=16)}, EIGHT),
    "two in one place": file_of({"a": tensor(), "b": tensor()}, EIGHT),
    "a gap": file_of({"a": tensor(), "b": tensor(begin=16, end=24)}, EIGHT * 3),
    "bytes of nobody": file_of({"a": tensor()}, EIGHT * 2),
}


@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE)
def test_what_is_not_right_is_refused_with_the_files_name(body):
    with pytest.raises(WeightsRefused, match=r"^evil\.safetensors is no valid safetensors file: "):
        header_of(body, "evil.safetensors")


@given(st.binary(max_size=200) | st.binary(max_size=100).map(file_of))
def test_nothing_but_a_refusal_comes_of_any_bytes(body):
    try:
        found = header_of(body)
    except WeightsRefused:
        return
    assert sum(one.end - one.begin for one in found.values()) <= len(body)


VALID = save({"a": torch.arange(4.0), "b": torch.ones(2, 3)}, metadata={"k": "v"})


@given(st.integers(0, len(VALID) - 1), st.integers(1, 255))
def test_a_flipped_byte_never_makes_a_tensor_reach_out_of_the_file(at, mask):
    body = bytearray(VALID)
    body[at] ^= mask
    try:
        found = header_of(bytes(body))
    except WeightsRefused:
        return
    assert all(8 <= one.begin <= one.end <= len(body) for one in found.values())
