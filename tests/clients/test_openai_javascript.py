"""npm ``openai``, unmodified, against a running product and stand-in models."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.live import KEY, environment
from tests.workers.standins.embed import place

JS = Path(__file__).parent / "js"


def test_the_real_client_runs_through_it_all(live):
    node = shutil.which("node")
    if node is None or not (JS / "node_modules/openai").exists():
        if environment().get("CI"):
            pytest.fail("CI needs node and npm for the JavaScript client")
        pytest.skip("node or the client is not installed: install npm, then make setup test")
    done = subprocess.run(
        [node, "openai.mjs", live.url, KEY],
        cwd=JS,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)

    assert told.pop("embedding") == pytest.approx(place(["a"], 4), abs=1e-6)
    assert told.pop("tool")["name"] == "paint"
    assert told == {
        "chat": {"text": "red green blue", "total": 6},
        "streamed": "red green blue",
        "usage": 3,
        "response": "red green",
        "responseCall": "paint",
        "completion": "a b",
        "flagged": True,
        "speech": {"type": "audio/wav", "bytes": 3244},
        "heard": "second 1.",
        "srt": "1\n00:00:00,000 --> 00:00:00,200\nsecond 1.\n",
        "edited": "image/png",
        "file": "{}\n",
        "listed": told["listed"],
        "deleted": True,
        "models": ["tests/painter", "tests/painter/edit", "tests/parrot"],
        "model": "openai/chat-completion",
        "later": "queued",
        "ended": "red green blue",
        "unknown": {
            "name": "NotFoundError",
            "status": 404,
            "code": "model_not_found",
            "param": "model",
            "known": True,
        },
        "bad": {
            "name": "BadRequestError",
            "status": 400,
            "code": "less_than_equal",
            "param": "temperature",
            "known": True,
        },
        "stranger": {
            "name": "AuthenticationError",
            "status": 401,
            "code": "invalid_api_key",
            "param": None,
            "known": True,
        },
    }
    assert told["listed"][0]
