"""The key that ``pilotlight up`` prints."""

from __future__ import annotations

import pytest

from handlers.local import DEVELOPER, development_key
from pilotlight.errors import Unauthenticated


def test_it_works_and_stays_the_same(house):
    key = development_key(house, None)

    assert house.authenticate(f"Key {key}").caller == DEVELOPER
    assert development_key(house, None) == key
    assert len(house.keys.list_keys()) == 1


def test_a_chosen_one_works_too(house):
    assert development_key(house, "my-own-key") == "my-own-key"

    assert house.authenticate("Key my-own-key").caller == DEVELOPER
    with pytest.raises(Unauthenticated):
        house.authenticate("Key another-key")


def test_a_revoked_one_stays_revoked(house, clock):
    key = development_key(house, "my-own-key")
    (record,) = house.keys.list_keys()
    house.keys.revoke(record.id, now=clock.now())

    development_key(house, "my-own-key")

    with pytest.raises(Unauthenticated):
        house.authenticate(f"Key {key}")
