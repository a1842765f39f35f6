"""What a list shows of an endpoint may be pasted as it stands: the starters' and all others'."""

from __future__ import annotations

import pytest

from pilotlight.catalogue import discover
from pilotlight.contracts.media import SAMPLES, media_fields

FOUND = discover(["workers", "workers.starters", "workers.production"])
ANYBODYS = {*SAMPLES.values(), "https://example.com/your-file"}


@pytest.mark.parametrize("endpoint", [one.id for one in FOUND.listed() if one.worker])
def test_an_endpoints_example_is_taken_and_its_files_may_be_fetched(endpoint):
    served = FOUND.endpoint(endpoint)
    wish = served.endpoint.input.model_validate(served.example())

    assert {field.url for field in media_fields(wish)} <= ANYBODYS
