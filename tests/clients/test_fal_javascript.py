"""npm ``@fal-ai/client``, unmodified, by ``proxyUrl`` and by a custom fetch."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.live import KEY, environment

JS = Path(__file__).parent / "js"


def story(live, way, **more):
    node = shutil.which("node")
    if node is None or not (JS / "node_modules/@fal-ai/client").exists():
        if environment().get("CI"):
            pytest.fail("CI needs node and npm for the JavaScript client")
        pytest.skip("node or the client is not installed: install npm, then make setup test")
    done = subprocess.run(
        [node, "--experimental-websocket", "story.mjs", way, live.url, KEY],
        cwd=JS,
        env=environment(**more),
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def check(told):
    assert told["run"]["data"] == {"text": "run"}
    assert len(told["run"]["requestId"]) == 36
    assert told["subscribe"]["data"] == {"text": "sub"}
    assert told["updates"][-1] == "COMPLETED"
    assert told["streamed"]["data"] == {"text": "streamed"}
    assert told["streamedUpdates"][-1] == "COMPLETED"
    assert told["status"]["status"] == "COMPLETED"
    assert told["result"]["data"] == {"text": "queue"}
    assert told["cancelled"]["status"] == "COMPLETED"
    assert told["cancelledResult"] == 499
    assert told["invalid"] == {
        "name": "ValidationError",
        "status": 422,
        "fields": [["body", "text"]],
    }
    assert told["lastWord"] == "COMPLETED"
    assert told["events"] >= 3
    assert (told["picture"]["width"], told["picture"]["height"]) == (96, 96)
    assert told["upload"] == "some text"
    assert told["measured"] == {"width": 1, "height": 1, "layers": 0}


@pytest.mark.parametrize("way", ["proxy", "fetch"])
def test_the_real_client_runs_through_it_all(live, way):
    told = story(live, way)
    check(told)
    if way == "fetch":
        assert told["live"] == {"text": "live"}
        assert told["liveWrong"]["status"] == 400
        assert "body.text" in told["liveWrong"]["message"]
        assert "nobody/nothing" in told["liveUnknown"]["message"]
        assert "images" in told["direct"]
        assert told["directly"] == {"text": "direct"}


@pytest.mark.slow
@pytest.mark.parametrize("way", ["proxy", "fetch"])
def test_a_file_over_90_mib_goes_up_in_parts(live, way):
    assert story(live, way, BIG_MIB="101")["big"] == 101 * 1024 * 1024
