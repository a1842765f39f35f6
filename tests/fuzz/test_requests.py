"""Routes x methods x bodies x headers, straight into the app: no 5xx, no crash, no hunger."""

from __future__ import annotations

import asyncio
import json
import resource
from typing import NamedTuple

import pytest
from hypothesis import strategies as st

from handlers.app import create_app
from pilotlight.adapters.local.clock import SystemClock
from tests.dialects.stage import KEY, OTHER_KEY, services_in
from tests.fuzz.driver import exchange, scope_of, talk
from tests.fuzz.tally import fuzzed
from tests.fuzz.words import ODD, any_text, bodies, header_text, json_values

MOST_BODY = 1_000_000
HUNGER_MIB = 400
"""Resident memory that the whole file may add: one leaked body of each example would be more."""
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "x")
HEADERS = (
    "x-fal-request-timeout", "x-fal-queue-priority", "x-fal-retry-config", "x-fal-no-retry",
    "x-fal-object-lifecycle-preference", "x-fal-file-name", "x-fal-store-io", "idempotency-key",
    "content-type", "content-length", "range", "if-range", "if-none-match", "host", "origin",
    "access-control-request-headers", "x-fal-target-url", "accept", "cookie", "x-forwarded-for",
)  # fmt: skip
PARAMETERS = ("fal_webhook", "fal_max_queue_length", "logs", "attempts", "fal_jwt_token",
              "endpoint_id", "storage_type", "max_buffering", "prompt")  # fmt: skip


class House:
    """The app on a loop of its own, its lifespan entered once."""

    def __init__(self, services):
        self.services, self.app = services, create_app(services)
        self.runner = asyncio.Runner()
        self._life = self.app.router.lifespan_context(self.app)
        self.runner.run(self._life.__aenter__())
        self.routes = [route.path for route in self.app.routes]
        self.job = self._submitted()

    def ask(self, scope, body=(), **more):
        return self.runner.run(exchange(self.app, scope, body, **more))

    def talk(self, scope, messages):
        return self.runner.run(talk(self.app, scope, messages))

    def _submitted(self):
        headers = [(b"authorization", f"Key {KEY}".encode())]
        scope = scope_of("POST", "/queue/acme/app", headers=headers)
        return json.loads(self.ask(scope, [b'{"prompt":"a cat"}']).body)["request_id"]

    def close(self):
        self.runner.run(self._life.__aexit__(None, None, None))
        self.runner.close()


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    settings = {"ingress": {"max_body_bytes": MOST_BODY, "max_upload_bytes": MOST_BODY}}
    with services_in(tmp_path_factory.mktemp("fuzz"), SystemClock(), **settings) as services:
        made = House(services)
        yield made
        made.close()


KEYS = st.sampled_from(
    [f"Key {KEY}", f"Key {KEY}", f"Key {OTHER_KEY}", "Key x", "", "Bearer ", "é"]
)
segments = any_text | st.sampled_from(
    ["acme/app", "acme/app/requests/JOB", "acme/app/requests/JOB/status", "acme/app/stream",
     "workflows/acme/flow", "acme/app/requests/JOB/cancel", "g..AAAAAAAAAAAAAAAAAAAAAA", "0", "1"]
)  # fmt: skip
queries = st.lists(st.tuples(st.sampled_from(PARAMETERS), any_text), max_size=4)
header_lists = st.lists(
    st.tuples(st.sampled_from(HEADERS), header_text | json_values.map(json.dumps)), max_size=5
)


def filled(route, fills, job):
    """The route's path with its parameters filled in."""
    fills = iter(fills)
    parts = [next(fills, "x") if part.startswith("{") else part for part in route.split("/")]
    return "/".join(parts).replace("JOB", job)


def raw(name, text):
    return name.encode(), text.encode("latin-1", "replace").replace(b"\n", b"").replace(b"\r", b"")


def encoded(parameters):
    from urllib.parse import quote_from_bytes

    return "&".join(
        f"{name}={quote_from_bytes(text.encode('utf-8', 'surrogatepass'))}"
        for name, text in parameters
    ).encode()


class Wish(NamedTuple):
    """One generated request."""

    at: int
    method: str
    fills: list
    key: str
    parameters: list
    headers: list
    body: bytes
    cut: int
    breaks_off: bool


wishes = st.builds(
    Wish, at=st.integers(0, 1000), method=st.sampled_from(METHODS),
    fills=st.lists(segments, max_size=4), key=KEYS, parameters=queries, headers=header_lists,
    body=bodies, cut=st.integers(1, 300), breaks_off=st.booleans(),
)  # fmt: skip


@fuzzed(wish=wishes)
def test_no_request_is_answered_by_a_fault_of_ours(house, wish):
    path = filled(house.routes[wish.at % len(house.routes)], wish.fills, house.job)
    given = [raw("authorization", wish.key), *(raw(name, text) for name, text in wish.headers)]
    scope = scope_of(wish.method, path, query=encoded(wish.parameters), headers=given)
    chunks = [wish.body[: wish.cut], wish.body[wish.cut :]]

    answered = house.ask(scope, chunks, breaks_off=wish.breaks_off)

    assert 200 <= answered.status < 500, (wish.method, path, answered.body)
    for name, value in answered.headers:
        assert not set(b"\r\n\0") & set(name + value), (name, value)
    assert sum(len(name) + len(value) for name, value in answered.headers) < 16_384
    kind = dict(answered.headers).get(b"content-type", b"")
    if kind.startswith(b"application/json") and answered.body and answered.size < 2**20:
        json.loads(answered.body)


@pytest.mark.parametrize(
    "word", ["", "x\r\ny: z", "\0", "\ud800", "é", "\N{GRINNING FACE}", "..", "A" * 5000], ids=ascii
)
def test_no_odd_word_in_any_place_of_any_route_is_answered_by_a_fault_of_ours(house, word):
    """Every one of them, not some: where a word comes back in a header it could break it."""
    headers = [raw("authorization", f"Key {KEY}")]
    for route in house.app.routes:
        for method in sorted(getattr(route, "methods", ())):
            fills = [f"acme/app/requests/{word}"] if "path:path" in route.path else [word] * 3
            path = filled(route.path, fills, house.job)
            answered = house.ask(scope_of(method, path, headers=headers), [b"{}"])

            assert 200 <= answered.status < 500, (method, path, answered.body)
            for name, value in answered.headers:
                assert not set(b"\r\n\0") & set(name + value), (method, path, name, value)


@fuzzed(path=any_text, method=st.sampled_from(METHODS), key=KEYS)
def test_no_path_at_all_is_answered_by_a_fault_of_ours(house, path, method, key):
    scope = scope_of(method, "/" + path, headers=[raw("authorization", key)])

    assert 200 <= house.ask(scope).status < 500


@fuzzed(value=json_values, field=st.sampled_from(["prompt", "extra", "image_url", "steps", ""]))
def test_no_json_of_any_kind_is_answered_by_a_fault_of_ours(house, value, field):
    try:
        document = {"prompt": "x", field: value} if field else value
        body = json.dumps(document).encode()
    except ValueError:  # an integer longer than Python prints
        return
    headers = [raw("authorization", f"Key {KEY}")]
    for path in ("/queue/acme/app", "/rest/tokens/", "/events", "/rest/storage/upload/initiate"):
        answered = house.ask(scope_of("POST", path, headers=headers), [body])
        assert 200 <= answered.status < 500, (path, body, answered.body)


@fuzzed(
    messages=st.lists(st.binary(max_size=60) | any_text | bodies, max_size=4),
    key=KEYS, parameters=queries, path=segments,
)  # fmt: skip
def test_no_words_break_a_socket(house, messages, key, parameters, path):
    kinds = [
        {"type": "websocket.receive", "text": said}
        if isinstance(said, str)
        else {"type": "websocket.receive", "bytes": said}
        for said in messages
    ]
    path = f"/run/{path}/realtime".replace("JOB", house.job)
    headers = [raw("authorization", key)]
    scope = scope_of("GET", path, query=encoded(parameters), headers=headers, kind="websocket")

    told = house.talk(scope, kinds)
    closed = [message["code"] for message in told if message["type"] == "websocket.close"]
    assert all(code == 1000 for code in closed), told


class Endless:
    """A body that goes on for as long as somebody reads."""

    def __init__(self, chunk):
        self.chunk, self.read = chunk, 0

    def __iter__(self):
        return self

    def __next__(self):
        self.read += len(self.chunk)
        assert self.read < 50 * MOST_BODY, "it reads on for ever"
        return self.chunk


@pytest.mark.parametrize(
    "path",
    ["/queue/acme/app", "/run/acme/app", "/events", "/rest/tokens/", "/cdn/files/upload",
     "/rest/storage/upload/initiate"],
)  # fmt: skip
def test_an_endless_body_is_left_unread(house, path):
    body = Endless(b"[" * 65_536)
    headers = [raw("authorization", f"Key {KEY}")]

    answered = house.ask(scope_of("POST", path, headers=headers), body)

    assert answered.status == 413
    assert body.read <= MOST_BODY + 4 * len(body.chunk)


@pytest.mark.parametrize("length", ["1000000000000", "9" * 400])
def test_a_body_that_says_it_is_too_large_is_not_read_at_all(house, length):
    body = Endless(b"x")
    headers = [raw("authorization", f"Key {KEY}"), raw("content-length", length)]

    assert house.ask(scope_of("POST", "/queue/acme/app", headers=headers), body).status == 413
    assert body.read == 0


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 100_000, b'{"a":' * 10_000, b'{"prompt":"x","steps":' + b"9" * 5000 + b"}",
        b'{"prompt":"x","scale":NaN}', b'{"prompt":"x","prompt":"y"}', b'{"prompt":"\\ud800"}',
        b'\xef\xbb\xbf{"prompt":"x"}', b'{"prompt":"x\0"}', b"\xff", b"nul", b'{"prompt":"x"}}',
    ],
    ids=["depth", "keys", "digits", "nan", "twice", "surrogate", "bom", "nul", "ff", "cut", "more"],
)  # fmt: skip
def test_json_that_two_parsers_would_read_in_two_ways_is_refused(house, body):
    headers = [raw("authorization", f"Key {KEY}")]
    answered = house.ask(scope_of("POST", "/queue/acme/app", headers=headers), [body])

    assert answered.status == 422, answered.body
    assert json.loads(answered.body)["detail"][0]["type"]


def test_all_of_this_did_not_fill_the_memory(house):
    """Runs on: what was asked above is let go of."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    headers = [raw("authorization", f"Key {KEY}")]
    for _ in range(60):
        body = b'{"prompt":"' + b"x" * (MOST_BODY - 100) + b'"}'
        assert house.ask(scope_of("POST", "/queue/acme/app", headers=headers), [body]).status == 422
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024

    assert grown < HUNGER_MIB / 10, f"{grown:.0f} MiB for 60 refused bodies of 1 MB"
    assert ODD
