"""Every parser of what strangers send: it reads, or refuses in its own words, and never breaks."""

from __future__ import annotations

import base64
import json
import math
from dataclasses import asdict

import pytest
from hypothesis import strategies as st
from starlette.datastructures import Headers
from starlette.requests import Request

from handlers.dialects.fal import paths, wishes
from handlers.dialects.fal.paths import Target
from handlers.dialects.fal.retries import retries_of
from handlers.limits import headers_of
from pilotlight import catalogue
from pilotlight.adapters.aws import wire
from pilotlight.adapters.grants import Grants, own
from pilotlight.adapters.local.clock import ManualClock
from pilotlight.adapters.web import guard
from pilotlight.cli.lengths import length_of
from pilotlight.cli.values import InputSchema
from pilotlight.contracts import events, sniff
from pilotlight.contracts.media import ImageUrl
from pilotlight.contracts.message import JobMessage
from pilotlight.contracts.retries import CONDITIONS, MOST, Retries, agreed
from pilotlight.errors import (
    BacklogFull,
    FetchFailed,
    InvalidInput,
    MalformedBody,
    Unauthenticated,
    UnknownEndpoint,
    UnknownFile,
)
from pilotlight.execution.framing import MOST_BYTES, Frames
from pilotlight.intake import keys, scopes, strict
from pilotlight.intake.inputs import _decoded
from pilotlight.intake.tokens import Tokens
from pilotlight.intake.validation import validate
from tests.dialects.stock.pictures import IDS, Input
from tests.fuzz.tally import fuzzed
from tests.fuzz.words import any_text, bodies, header_text, json_values, plain_text

PEPPER = b"p" * 32
POLICY = guard.Policy(allow_loopback=False, allow_plain_http=True)
STOCK = catalogue.discover(("tests.dialects.stock",))


def raised(kind, call, *args):
    """The refusal of that kind, if there was one; any other exception is a fault."""
    try:
        call(*args)
    except kind as error:
        return error
    return None


@fuzzed(text=any_text | st.from_regex(r"pl_live_[0-9A-Za-z]{8}_[0-9A-Za-z]{49}"))
def test_a_key_is_read_or_refused(text):
    for header in (text, f"Key {text}", f"Bearer  {text}", None):
        try:
            credential = keys.parse(keys.presented(header), pepper=PEPPER)
        except Unauthenticated:
            continue
        except UnicodeEncodeError:
            assert "\ud800" in text  # no header ever holds one
            continue
        assert credential.secret


@fuzzed(
    text=any_text | st.binary(max_size=90).map(lambda raw: base64.urlsafe_b64encode(raw).decode())
)
def test_a_forged_token_is_refused_in_one_way(text):
    with pytest.raises(Unauthenticated):
        Tokens(PEPPER, ManualClock()).verify(text, "cdn")


def _decoded_or_none(token):
    try:
        return base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    except ValueError:
        return None


@fuzzed(caller=plain_text, scope=st.sampled_from(["cdn", "app:flux"]), cut=st.integers(0, 60))
def test_a_token_that_lost_or_changed_a_character_is_refused(caller, scope, cut):
    tokens = Tokens(PEPPER, ManualClock())
    token = tokens.mint(caller, scope, 60)
    assert tokens.verify(token, scope) == caller
    at = cut % len(token)
    swapped = token[:at] + ("A" if token[at] != "A" else "B") + token[at + 1 :]
    for text in (token[:at], swapped):
        if _decoded_or_none(text) == _decoded_or_none(token):
            continue  # the last character of base64 has bits to spare
        with pytest.raises(Unauthenticated):
            tokens.verify(text, scope)


@fuzzed(grant=any_text | st.from_regex(r"[gp]\d{0,12}\.\d{0,12}\.[\w-]{22}"), key=any_text)
def test_a_forged_grant_opens_nothing(grant, key):
    with pytest.raises((UnknownFile, UnicodeEncodeError)) as refused:
        Grants(PEPPER).check(grant, key, now=0.0)
    assert isinstance(refused.value, UnknownFile) or "\ud800" in grant + key


@fuzzed(key=plain_text.filter(bool), write=st.booleans(), until=st.none() | st.integers(1, 10**9))
def test_a_grant_is_for_its_key_alone(key, write, until):
    grants = Grants(PEPPER)
    url = grants.url(key, base_url="https://x.org", write=write, expires_at=until)
    found = own(url)
    assert found is not None
    assert found.key == key
    assert grants.check(found.grant, key, now=0.0).write == write
    with pytest.raises(UnknownFile):
        grants.check(found.grant, key + "x", now=0.0)


@fuzzed(
    path=any_text
    | st.lists(st.sampled_from(["requests", "a", "", "status", "comfy"])).map("/".join)
)
def test_a_path_names_a_request_an_endpoint_or_nothing(path):
    address = paths.address_of(path)
    assert address is None or path.strip("/").endswith(address.verb)
    paths.app_of(path)
    for suffix in ("", "stream"):
        try:
            target = paths.target_of(path, STOCK, suffix=suffix)
        except UnknownEndpoint:
            continue
        assert target.endpoint in IDS


WISHES = (
    "x-fal-request-timeout", "x-fal-queue-priority", "x-fal-no-retry", "x-fal-retry-config",
    "x-fal-object-lifecycle-preference", "x-fal-store-io", "idempotency-key", "host",
)  # fmt: skip


@fuzzed(
    headers=st.dictionaries(st.sampled_from(WISHES), header_text | json_values.map(json.dumps)),
    query=st.dictionaries(st.sampled_from(["fal_webhook", "fal_max_queue_length"]), plain_text),
    body=bodies,
)
def test_headers_and_parameters_are_wishes_or_refused_by_name(headers, query, body):
    from urllib.parse import urlencode

    raw = [(name.encode(), text.encode("latin-1", "replace")) for name, text in headers.items()]
    scope = {
        "type": "http", "method": "POST", "scheme": "http", "path": "/", "headers": raw,
        "query_string": urlencode(query).encode(), "server": ("x.org", 80),
    }  # fmt: skip
    try:
        wish = wishes.submission(Request(scope), "alice", Target(IDS[0], by_suffix=False), body)
    except InvalidInput as error:
        (problem,) = error.problems
        assert problem.loc[1] in (*WISHES, "fal_webhook", "fal_max_queue_length")
        return
    assert wish.start_timeout_s is None or math.isfinite(wish.start_timeout_s)
    assert wish.artifact_ttl_s is None or wish.artifact_ttl_s > 0
    assert set(wish.retries) <= set(CONDITIONS)


@fuzzed(text=any_text | json_values.map(json.dumps))
def test_a_retry_config_is_read_or_ignored(text):
    asked = retries_of(text)
    assert all(0 <= extra <= MOST for extra in asked.values())
    kept = agreed(asked, {}, otherwise=3)
    assert kept is None or Retries.read(kept.text()) == kept


@fuzzed(body=bodies)
def test_a_body_is_an_input_or_its_faults_are_named(body):
    refused = raised(InvalidInput, validate, Input, body)
    if refused is not None:
        assert refused.problems
        assert refused.http_status == 422
        json.dumps([asdict(problem) for problem in refused.problems], default=str)


@fuzzed(body=bodies)
def test_what_passes_as_json_is_json_and_says_one_thing(body):
    try:
        strict.check(body)
    except MalformedBody:
        return
    value = json.loads(body)
    again = json.dumps(value)
    assert json.loads(again) == value
    assert "NaN" not in again.replace('"', "") or "NaN" in str(value)


@fuzzed(url=any_text | st.binary(max_size=80).map(lambda raw: f"data:image/png;base64,{raw!r}"))
def test_a_data_uri_is_bytes_or_refused(url):
    class Field:
        loc = ("image_url",)

    Field.url = url
    refused = raised(InvalidInput, _decoded, Field)
    assert refused is None or refused.problems[0].loc == ("body", "image_url")


@fuzzed(
    head=st.binary(max_size=600) | st.sampled_from([b"RIFF", b"\0\0\0\x18ftyp", b"<svg", b"PK\3\4"])
)
def test_any_first_bytes_are_of_a_known_kind_or_of_none(head):
    kind = sniff.sniff(head)
    assert kind is None or "/" in kind
    for wanted in ("image", "audio", "video", "archive", "weights", "file"):
        assert sniff.matches(wanted, kind) in (True, False)


@fuzzed(url=any_text | st.from_regex(r"https?://[^/ ]{1,30}(:\d{1,6})?/.{0,20}"))
def test_a_url_is_refused_in_six_words_or_leads_out(url):
    refused = raised(FetchFailed, guard.parse, url, POLICY)
    assert refused is None or refused.reason in {"bad_url", "refused_address"}


EVENTS = (
    events.Log("j", "stdout", "x"), events.Progress("j", 0.5, "half"), events.Ping(),
    events.Done("j", "{}"), events.Failed("j", {"code": "x"}), events.Cancel("j"),
)  # fmt: skip


@fuzzed(said=st.lists(st.sampled_from(EVENTS), max_size=8), cuts=st.lists(st.integers(1, 50)))
def test_events_arrive_whole_however_they_are_cut(said, cuts):
    wire_bytes = b"".join(events.encode(event) + b"\n" for event in said)
    frames, heard = Frames(), []
    while wire_bytes:
        size = cuts.pop() if cuts else len(wire_bytes)
        heard += [events.decode(line) for line in frames.add(wire_bytes[:size])]
        wire_bytes = wire_bytes[size:]
    assert heard == said


@fuzzed(line=bodies)
def test_what_is_no_event_is_refused_in_three_ways(line):
    try:
        events.decode(line)
    except (ValueError, KeyError, TypeError, RecursionError):
        return


def test_a_line_without_an_end_is_given_up():
    frames, chunk, held = Frames(), b"x" * 2**20, 0
    while raised(ValueError, frames.add, chunk) is None:
        held += len(chunk)
        assert held <= MOST_BYTES


@fuzzed(body=any_text | st.binary(max_size=100).map(lambda raw: base64.b64encode(raw).decode()))
def test_a_message_that_is_none_is_unreadable(body):
    with pytest.raises(wire.Unreadable):
        wire.decode(body)


@fuzzed(job_id=plain_text, worker=plain_text, caller=plain_text)
def test_a_message_of_ours_comes_back_and_carries_a_pointer_alone(job_id, worker, caller):
    message = JobMessage(job_id=job_id, worker=worker, caller=caller)
    again = wire.decode(wire.encode(message), worker=worker)
    assert (again.job_id, again.version, again.caller) == (job_id, 1, "")


@fuzzed(text=any_text)
def test_a_length_of_time_is_a_number_or_refused(text):
    try:
        assert length_of(text) >= 0
    except InvalidInput:
        return


@fuzzed(words=st.lists(any_text | st.sampled_from(["prompt=1", "steps=x", "extra={"]), max_size=4))
def test_words_of_the_command_line_become_an_input_or_are_refused(words):
    schema = InputSchema("acme/app", Input.model_json_schema())
    try:
        schema.collect(words)
    except InvalidInput:
        return
    except (ValueError, RecursionError) as error:
        raise AssertionError(words) from error


@fuzzed(given=st.lists(any_text, max_size=3))
def test_scopes_are_known_or_refused(given):
    try:
        assert scopes.read(scopes.written(given)) == set(given)
    except InvalidInput:
        assert set(given) - scopes.EVERY


@fuzzed(wait=st.floats(0, 1e6) | st.none(), reset=st.floats(0, 1e6))
def test_quota_headers_are_whole_seconds(wait, reset):
    error = BacklogFull("full", retry_after_s=wait, limit=5, remaining=0, reset_s=reset)
    headers = Headers(headers_of(error))
    assert int(headers["retry-after"]) >= 1
    assert int(headers["ratelimit-reset"]) >= reset
    assert ImageUrl
