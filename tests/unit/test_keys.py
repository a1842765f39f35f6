"""Keys and tokens: who a request is from."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilotlight.adapters.local.clock import ManualClock
from pilotlight.adapters.local.database import Database
from pilotlight.adapters.local.keys import SqliteKeys
from pilotlight.errors import Unauthenticated, Unauthorised
from pilotlight.intake import keys
from pilotlight.intake.keys import Authenticate
from pilotlight.intake.scopes import SCOPES, require
from pilotlight.intake.tokens import MOST_S, Tokens

PEPPER = b"p" * 32


@pytest.fixture
def store(tmp_path):
    database = Database(tmp_path / "jobs.sqlite")
    yield SqliteKeys(database)
    database.close()


@pytest.fixture
def authenticate(store, clock):
    return Authenticate(store, clock, PEPPER)


@pytest.fixture
def issue(store, clock):
    def issue(caller="alice", **more):
        text, record = keys.mint(pepper=PEPPER, caller=caller, name="t", now=clock.now(), **more)
        store.add(record)
        return text, record

    return issue


class Counting:
    """The real store, and how often it was asked."""

    def __init__(self, inner):
        self.inner, self.found, self.touched = inner, 0, 0

    def find(self, key_id):
        self.found += 1
        return self.inner.find(key_id)

    def touch(self, key_id, *, now):
        self.touched += 1
        self.inner.touch(key_id, now=now)


def test_a_key_looks_as_documented():
    text, record = keys.mint(pepper=PEPPER, caller="alice", name="ci", now=0)

    assert re.fullmatch(r"pl_live_[0-9A-Za-z]{8}_[0-9A-Za-z]{49}", text)
    assert record.id == text[8:16]


def test_only_a_keyed_hash_of_the_secret_is_kept(issue):
    text, record = issue()
    secret = text[17:60]

    assert secret not in str(record)
    assert record.secret_hash == keys.hash_of(secret, PEPPER)
    assert record.secret_hash != keys.hash_of(secret, b"another pepper")


@pytest.mark.parametrize("scheme", ["Key", "Bearer", "key", "BEARER"])
def test_a_key_is_known_under_either_scheme(authenticate, issue, scheme):
    text, _ = issue()

    assert authenticate(f"{scheme} {text}").caller == "alice"


def test_a_key_in_two_halves_as_fals_clients_join_them_is_known(authenticate, issue):
    text, record = issue()
    tail = text[17:]

    assert authenticate(f"Key {record.id}:{tail}").caller == "alice"
    assert authenticate(f"Key pl_live_{record.id}:{tail}").caller == "alice"


@pytest.mark.parametrize(
    "header", [None, "", "Key", "Key ", "Basic abc", "pl_live_x", "Key\tx"], ids=repr
)
def test_a_request_without_a_key_is_told_how_to_send_one(authenticate, header):
    with pytest.raises(Unauthenticated, match="Authorization: Key"):
        authenticate(header)


def test_every_typing_error_in_a_key_is_refused_without_a_read(store, clock, issue):
    text, _ = issue()
    counting = Counting(store)
    authenticate = Authenticate(counting, clock, PEPPER)
    for at in range(8, len(text)):
        typo = text[:at] + ("A" if text[at] != "A" else "B") + text[at + 1 :]
        with pytest.raises(Unauthenticated):
            authenticate(f"Key {typo}")
    for cut in (text[:-1], text + "0", text[:20]):
        with pytest.raises(Unauthenticated):
            authenticate(f"Key {cut}")

    assert counting.found == 0


def test_a_wrong_secret_under_a_known_id_is_refused(authenticate, issue, store, clock):
    _, record = issue()
    text, other = keys.mint(pepper=PEPPER, caller="mallory", name="", now=clock.now())
    store.add(replace(other, id="otherone"))
    head = f"pl_live_{record.id}_{text[17:60]}"

    with pytest.raises(Unauthenticated, match="nobody knows"):
        authenticate("Key " + head + keys._checksum(head))


def test_an_unknown_id_is_refused_in_the_same_words(authenticate):
    text, _ = keys.mint(pepper=PEPPER, caller="alice", name="", now=0)

    with pytest.raises(Unauthenticated, match="nobody knows"):
        authenticate(f"Key {text}")


def test_a_revoked_key_is_refused_within_thirty_seconds(authenticate, issue, store, clock):
    text, record = issue()
    assert authenticate(f"Key {text}").caller == "alice"
    store.revoke(record.id, now=clock.now())
    clock.sleep(keys.CACHE_S)

    with pytest.raises(Unauthenticated, match="revoked"):
        authenticate(f"Key {text}")


def test_a_key_older_than_scopes_may_do_all_that_a_caller_may(authenticate, store, clock):
    text, record = keys.mint(pepper=PEPPER, caller="alice", name="", now=clock.now())
    store.add(replace(record, scopes=None))

    assert authenticate(f"Key {text}").scopes == set(SCOPES)


def test_a_key_with_no_scope_may_do_nothing(authenticate, issue):
    text, _ = issue(scopes=[])

    assert authenticate(f"Key {text}").scopes == set()
    for scope in SCOPES:
        with pytest.raises(Unauthorised, match=scope):
            require(scope, authenticate(f"Key {text}").scopes)


def test_a_key_ends_on_time_even_when_it_was_remembered(authenticate, issue, clock):
    text, _ = issue(expires_at=clock.now() + 10)
    assert authenticate(f"Key {text}").caller == "alice"
    clock.sleep(10)

    with pytest.raises(Unauthenticated, match="expired"):
        authenticate(f"Key {text}")


def test_the_store_is_asked_once_in_thirty_seconds_and_told_once_a_minute(store, clock, issue):
    text, record = issue()
    counting = Counting(store)
    authenticate = Authenticate(counting, clock, PEPPER)
    for _ in range(100):
        authenticate(f"Key {text}")
    assert (counting.found, counting.touched) == (1, 1)
    clock.sleep(31)
    authenticate(f"Key {text}")
    assert (counting.found, counting.touched) == (2, 1)
    clock.sleep(31)
    authenticate(f"Key {text}")

    assert (counting.found, counting.touched) == (3, 2)
    assert store.find(record.id).last_used_at is not None


def test_a_key_that_somebody_chose_is_stored_hashed_and_works(authenticate, store, clock):
    record = keys.record_of("let me:in", pepper=PEPPER, caller="dev", name="dev", now=clock.now())
    store.add(record)

    assert authenticate("Key let me:in").caller == "dev"
    assert "let me" not in str(record)
    with pytest.raises(Unauthenticated):
        authenticate("Key let me:out")


@given(st.text(st.characters(codec="utf-8"), min_size=1, max_size=200))
def test_no_text_is_mistaken_for_a_key(text):
    class Empty:
        def find(self, key_id):
            return None

    with pytest.raises(Unauthenticated):
        Authenticate(Empty(), ManualClock(), PEPPER)(f"Key {text}")


def test_a_token_is_good_for_its_scopes_and_nothing_else(clock):
    tokens = Tokens(b"s" * 32, clock)
    token = tokens.mint("alice", "cdn app:flux", 60)

    assert tokens.verify(token, "cdn") == tokens.verify(token, "app:flux") == "alice"
    with pytest.raises(Unauthenticated, match="not good for"):
        tokens.verify(token, "app")


def test_a_token_ends_after_its_time_and_never_lives_longer_than_a_day(clock):
    tokens = Tokens(b"s" * 32, clock)
    short, long = tokens.mint("alice", "cdn", 60), tokens.mint("alice", "cdn", 1e9)
    clock.sleep(60)
    with pytest.raises(Unauthenticated, match="expired"):
        tokens.verify(short, "cdn")
    assert tokens.verify(long, "cdn") == "alice"
    clock.sleep(MOST_S)
    with pytest.raises(Unauthenticated, match="expired"):
        tokens.verify(long, "cdn")


def test_a_forged_token_is_refused(clock):
    token = Tokens(b"s" * 32, clock).mint("alice", "cdn", 60)
    forger = Tokens(b"t" * 32, clock).mint("alice", "cdn", 60)
    for text in (forger, token[:-2], token + "AA", "", "é", "." * 50, token[5:], "A" * 200):
        with pytest.raises(Unauthenticated):
            Tokens(b"s" * 32, clock).verify(text, "cdn")
