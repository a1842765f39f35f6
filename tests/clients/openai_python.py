"""PyPI ``openai`` against the running product of this folder."""

from __future__ import annotations

import openai
import pytest

from tests.live import KEY

PARROT = "tests/parrot"
LEAVES_SOCKETS = pytest.mark.filterwarnings(
    "ignore::ResourceWarning", "ignore:deprecated:DeprecationWarning"
)
"""The client leaves sockets to the garbage collector, and marks translations as deprecated."""


def turns(text, **more):
    return [{"role": "user", "content": text, **more}]


@pytest.fixture
def client(live):
    with openai.OpenAI(base_url=live.url + "/v1", api_key=KEY, max_retries=0) as made:
        yield made
