"""What the fuzzers are made of: text that has broken parsers before, and JSON of every kind."""

from __future__ import annotations

import json

from hypothesis import strategies as st

ODD = (
    "", " ", "\0", "\r\n", "\x7f", "\x85", "..", "../..", "%2e%2e%2f", "%00", "%", "/", "//", "\\",
    "\ud800", "\ufeff", "\u202e", "\u200b", "A" * 5000, "é", "\N{GRINNING FACE}", "null", "NaN",
    "Infinity", "-0", "1e999", "1" * 5000, "0x10", "٣", "true", "[]", "{}", "'", '"', "<script>",
    "http://127.0.0.1:1/x", "data:image/png;base64,AAAA", "data:,", "blob:x", "artifact:0",
)  # fmt: skip

any_text = st.sampled_from(ODD) | st.text(max_size=60)
plain_text = st.text(st.characters(codec="utf-8"), max_size=60) | st.sampled_from(
    [word for word in ODD if word.isprintable() and word != "\ud800"]
)
latin = st.text(st.characters(codec="latin-1", exclude_characters="\r\n\0"), max_size=60)
header_text = latin | st.sampled_from(
    [word for word in ODD if word.isascii() and word.isprintable()]
)

numbers = st.integers() | st.floats() | st.sampled_from([10**400, -(10**400), 2**63, 1e308])
leaves = st.none() | st.booleans() | numbers | any_text
json_values = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.dictionaries(st.sampled_from(ODD) | st.text(max_size=10), inner, max_size=5)
    ),
    max_leaves=20,
)


def dumped(value):
    """As somebody's serialiser might write it; lone surrogates as they are."""
    try:
        return json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")
    except ValueError:  # an integer longer than Python prints
        return json.dumps(repr(type(value))).encode()


deep = st.builds(
    lambda depth, pair: (pair[0] * depth + pair[1] * depth).encode(),
    st.sampled_from([5, 200, 5000, 100_000]),
    st.sampled_from([("[", "]"), ('{"a":', "}"), ("[", ""), ('{"a":[', "]}")]),
)
bodies = (
    st.binary(max_size=200)
    | json_values.map(dumped)
    | deep
    | st.sampled_from(
        [b"", b"{", b"\xef\xbb\xbf{}", b'{"a":1,"a":2}', b"[NaN]", b"\xff\xfe{\0}\0", b'"\\ud800"']
    )
)
