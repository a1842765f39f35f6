"""PyPI ``fal-client``, unmodified, by environment variables alone, over TLS."""

from __future__ import annotations

import json
import subprocess
import sys

from tests.live import KEY

SCRIPT = """
import json, fal_client
handle = fal_client.submit("pilotlight/echo", {"text": "hi", "sleep_s": 0.2}, priority="low")
kinds = [type(event).__name__ for event in handle.iter_events(with_logs=True)]
print(json.dumps({
    "result": handle.get(),
    "last": kinds[-1],
    "run": fal_client.run("pilotlight/echo", {"text": "run"}),
    "subscribe": fal_client.subscribe("pilotlight/echo", {"text": "sub"}, with_logs=True),
    "stream": len(list(fal_client.stream("pilotlight/shapes", {"prompt": "a blue ring"}))),
}))
"""


def test_the_environment_is_enough(live):
    here = f"127.0.0.1:{live.tls_port}"
    given = {
        "FAL_KEY": KEY,
        "FAL_RUN_HOST": f"{here}/run",
        "FAL_QUEUE_RUN_HOST": f"{here}/queue",
        "SSL_CERT_FILE": str(live.ca),
    }
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env=given,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["result"] == {"text": "hi"}
    assert told["last"] == "Completed"
    assert (told["run"], told["subscribe"]) == ({"text": "run"}, {"text": "sub"})
    assert told["stream"] >= 2
