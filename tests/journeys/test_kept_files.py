"""A file that was kept is kept: whole after a ``kill -9``, or not there at all."""

from __future__ import annotations

import hashlib

import openai

from tests.live import KEY, up

LINES = b'{"custom_id": "1", "body": {}}\n' * 20_000


def test_a_file_that_was_answered_for_outlives_a_power_cut(tmp_path):
    with up(tmp_path) as live:
        with openai.OpenAI(base_url=live.url + "/v1", api_key=KEY, max_retries=0) as client:
            made = client.files.create(file=("lines.jsonl", LINES), purpose="batch")
        live.kill_everything()
        live.start()
        with openai.OpenAI(base_url=live.url + "/v1", api_key=KEY, max_retries=0) as client:
            assert client.files.retrieve(made.id).bytes == len(LINES)
            content = client.files.content(made.id).content
            assert [one.id for one in client.files.list()] == [made.id]

    assert hashlib.sha256(content).digest() == hashlib.sha256(LINES).digest()
