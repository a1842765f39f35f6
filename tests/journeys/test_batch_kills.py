"""A batch under ``kill -9`` of everything: each line once in the files, nothing lost.

``-m slow`` runs the full one: 10,000 lines, with its throughput beside that of plain jobs.
"""

from __future__ import annotations

import http.client
import json
import random
import time
import urllib.request
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.live import KEY, PATIENCE_S, until, up

ECHO = "/run/pilotlight/echo"
FULL = 10_000


def lines(count, body):
    return [
        {"custom_id": f"line {n}", "method": "POST", "url": ECHO, "body": body(n)}
        for n in range(count)
    ]


def opened(live, asked):
    """Id of a batch of these lines, uploaded as a form."""
    mark = uuid.uuid4().hex
    text = "\n".join(map(json.dumps, asked))
    form = (
        f'--{mark}\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nbatch\r\n'
        f'--{mark}\r\nContent-Disposition: form-data; name="file"; filename="in.jsonl"\r\n\r\n'
        f"{text}\r\n--{mark}--\r\n"
    )
    kind = f"multipart/form-data; boundary={mark}"
    file = live.ask("POST", "/v1/files", form.encode(), **{"Content-Type": kind}).json
    wish = {"input_file_id": file["id"], "endpoint": ECHO, "completion_window": "24h"}
    return live.ask("POST", "/v1/batches", wish).json["id"]


def look(live, batch_id):
    return live.ask("GET", f"/v1/batches/{batch_id}").json


def over(live, batch_id, patience_s=PATIENCE_S):
    def ended():
        batch = look(live, batch_id)
        return batch if batch["status"] == "completed" else None

    return until(ended, what="the batch's end", patience_s=patience_s)


def answers(live, file_id):
    request = urllib.request.Request(
        f"{live.url}/v1/files/{file_id}/content", headers={"Authorization": f"Bearer {KEY}"}
    )
    with urllib.request.urlopen(request, timeout=PATIENCE_S) as reply:
        return [json.loads(line) for line in reply]


def done(live, batch_id):
    return look(live, batch_id)["request_counts"]["completed"]


def checked(live, batch, count):
    assert batch["request_counts"] == {"total": count, "completed": count, "failed": 0}
    assert batch["error_file_id"] is None
    said = answers(live, batch["output_file_id"])
    assert [one["custom_id"] for one in said] == [f"line {n}" for n in range(count)]
    assert [one["response"]["body"]["text"] for one in said] == [str(n) for n in range(count)]
    return said


def test_a_batch_goes_on_where_it_was_whenever_everything_is_killed(tmp_path):
    count = 40
    with up(tmp_path) as live:
        batch_id = opened(live, lines(count, lambda n: {"text": str(n), "sleep_s": 0.05}))
        live.kill_everything()  # while its lines are looked at, or before
        live.start()
        for part in (10, 25):
            until(lambda part=part: done(live, batch_id) >= part, what=f"{part} lines")
            live.kill_everything()
            live.start()
        batch = over(live, batch_id)
        said = checked(live, batch, count)
        assert look(live, batch_id) == batch
        own = [one["response"]["request_id"] for one in said]
        outcomes = [live.ask("GET", f"/api/jobs/{job_id}").json["status"] for job_id in own]

    assert outcomes == ["succeeded"] * count
    assert len(set(own)) == count


def memory(live):
    """Megabytes of the server itself."""
    status = Path(f"/proc/{live.process.pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


def plain_jobs_a_second(live, count, clients=16):
    """The same work as calls that are waited for."""

    def ask(numbers):
        link = http.client.HTTPConnection("127.0.0.1", live.port, timeout=PATIENCE_S)
        headers = {"Authorization": f"Key {KEY}", "Content-Type": "application/json"}
        for number in numbers:
            link.request("POST", ECHO, json.dumps({"text": str(number)}), headers)
            assert json.loads(link.getresponse().read()) == {"text": str(number)}
        link.close()

    began = time.monotonic()
    with ThreadPoolExecutor(clients) as pool:
        list(pool.map(ask, (range(first, count, clients) for first in range(clients))))
    return count / (time.monotonic() - began)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_ten_thousand_lines_once_each_under_kills_and_as_fast_as_plain_jobs(tmp_path, capsys):
    rng = random.Random(7)
    with up(tmp_path) as live:
        live.finished("pilotlight/echo", live.submit("pilotlight/echo", {"text": "warm"}))
        began = time.monotonic()
        batch_id = opened(live, lines(2000, lambda n: {"text": str(n)}))
        checked(live, over(live, batch_id), 2000)
        small_s, small_mb = time.monotonic() - began, memory(live)
        plain = plain_jobs_a_second(live, 4000)
        began = time.monotonic()
        batch_id = opened(live, lines(FULL, lambda n: {"text": str(n)}))
        batch = over(live, batch_id, 300)
        whole_s, whole_mb = time.monotonic() - began, memory(live)
        checked(live, batch, FULL)

        batch_id = opened(live, lines(FULL, lambda n: {"text": str(n)}))
        for part in (0.1, 0.3, 0.5, 0.7, 0.9):
            wanted = part * FULL + rng.randrange(500)
            until(lambda wanted=wanted: done(live, batch_id) >= wanted, what=f"{wanted} lines")
            live.kill_everything()
            live.start()
        checked(live, over(live, batch_id, 300), FULL)

    with capsys.disabled():
        print(  # noqa: T201 - the figures are what it is run for
            f"\n2,000 lines {2000 / small_s:.0f}/s, {small_mb:.0f} MB; plain jobs {plain:.0f}/s; "
            f"10,000 lines {FULL / whole_s:.0f}/s, {whole_mb:.0f} MB"
        )
    assert whole_mb < small_mb * 1.5
    assert FULL / whole_s > 0.8 * plain
