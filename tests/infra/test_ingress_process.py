"""The ingress as a container starts it, as a process."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from handlers.local import development_key
from pilotlight import bootstrap
from pilotlight.settings import Settings
from tests.live import KEY, PATIENCE_S, ROOT, environment, free_port, until


@pytest.fixture
def ingress(tmp_path):
    """Its URL and its process. Local mode: the adapters are others, the server is the same."""
    services = bootstrap.services(Settings(data=tmp_path))
    development_key(services, KEY)
    services.close()
    port = free_port()
    env = environment(
        PATH=f"{Path(sys.executable).parent}:/usr/bin:/bin",
        PILOTLIGHT_DATA=str(tmp_path),
        PILOTLIGHT_INGRESS__PORT=str(port),
    )
    process = subprocess.Popen([sys.executable, "-m", "handlers.ingress"], cwd=ROOT, env=env)
    url = f"http://127.0.0.1:{port}"
    try:
        until(lambda: answers(url, process), what="the ingress")
        yield url, process
    finally:
        process.kill()
        process.wait()


def answers(url, process):
    assert process.poll() is None
    with contextlib.suppress(OSError):
        return ask(f"{url}/healthz").status == 200
    return False


def ask(url, body=None, **headers):
    data = None if body is None else json.dumps(body).encode()
    given = {"Authorization": f"Key {KEY}", "Content-Type": "application/json", **headers}
    request = urllib.request.Request(url, data=data, headers=given)
    return urllib.request.urlopen(request, timeout=PATIENCE_S)


def submitted(url, **headers):
    with ask(f"{url}/queue/pilotlight/echo", {"text": "hello"}, **headers) as answer:
        return json.load(answer)


def test_urls_say_https_when_the_caller_came_by_it(ingress):
    url, _ = ingress
    behind = {"Host": "abc.lambda-url.us-east-1.on.aws", "X-Forwarded-Proto": "https"}
    assert submitted(url, **behind)["status_url"].startswith(
        "https://abc.lambda-url.us-east-1.on.aws/queue/"
    )
    assert submitted(url)["status_url"].startswith("http://127.0.0.1:")


def test_a_stream_begins_while_its_job_still_waits(ingress):
    """Nothing runs here: what is read was sent before the answer was whole."""
    url, _ = ingress
    with ask(f"{submitted(url)['status_url']}/stream") as events:
        assert events.headers["Content-Type"].startswith("text/event-stream")
        assert b"IN_QUEUE" in events.readline() + events.readline()


def test_it_ends_with_0_when_it_is_told_to(ingress):
    _, process = ingress
    process.terminate()
    assert process.wait(PATIENCE_S) == 0
