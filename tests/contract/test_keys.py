"""What every key store must do; run against every adapter."""

from __future__ import annotations

import pytest

from pilotlight.errors import IllegalTransition
from pilotlight.ports.keys import KeyRecord


def record(key_id="k1", **changes):
    return KeyRecord(
        **({"id": key_id, "caller": "alice", "secret_hash": "h", "created_at": 1.0} | changes)
    )


def test_a_key_is_found_as_it_was_added(keys):
    keys.add(record(name="laptop", expires_at=9.0))

    assert keys.find("k1") == record(name="laptop", expires_at=9.0)
    assert keys.find("k2") is None


def test_an_id_can_be_taken_once(keys):
    keys.add(record())
    with pytest.raises(IllegalTransition):
        keys.add(record(caller="bob"))

    assert keys.find("k1").caller == "alice"


def test_keys_are_listed_newest_first(keys):
    keys.add(record("old", created_at=1.0))
    keys.add(record("new", created_at=2.0))

    assert [key.id for key in keys.list_keys()] == ["new", "old"]


def test_a_key_is_revoked_once(keys):
    keys.add(record())

    assert keys.revoke("k1", now=5.0)
    assert not keys.revoke("k1", now=6.0)
    assert not keys.revoke("nobody", now=6.0)
    assert keys.find("k1").revoked_at == 5.0


def test_use_is_remembered_to_the_minute_and_never_goes_back(keys):
    keys.add(record())
    keys.touch("k1", now=130.0)
    keys.touch("k1", now=60.0)

    assert keys.find("k1").last_used_at == 120.0


def test_a_key_can_be_let_end_earlier_and_never_later(keys):
    keys.add(record("a"))
    keys.add(record("b", expires_at=50.0))
    keys.add(record("c"))
    keys.revoke("c", now=3.0)

    assert keys.end("a", at=100.0)
    assert not keys.end("a", at=200.0)
    assert not keys.end("b", at=100.0)
    assert not keys.end("c", at=100.0)
    assert not keys.end("nobody", at=100.0)
    assert [keys.find(one).expires_at for one in "abc"] == [100.0, 50.0, None]


def test_scopes_and_quotas_are_kept(keys):
    given = record(scopes="jobs:read", requests_per_s=2.5, burst=7, queued_jobs=9)
    keys.add(given)

    assert keys.find("k1") == given
