"""The drop folder in S3: an object-created event makes a job, the listing finds what none told of."""

from __future__ import annotations

import json

import pytest

from pilotlight.adapters.aws.clients import Clients
from pilotlight.cli import running
from tests.live import until

ECHO = "pilotlight/echo"


class Bucket:
    def __init__(self, live):
        aws = running.read(live.data).settings["aws"]
        self._clients = Clients(
            region=aws["region"], endpoint_url=aws["endpoint_url"], emulated=True
        )
        self.s3, self.name = self._clients.s3(), aws["drop_bucket"]

    def put(self, key, document):
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        self.s3.put_object(Bucket=self.name, Key=f"drop/{key}", Body=body)

    def result(self, name):
        def look():
            try:
                return self.s3.get_object(Bucket=self.name, Key=f"drop-results/{name}")
            except self.s3.exceptions.NoSuchKey:
                return None

        return json.loads(until(look, what=name)["Body"].read())

    def close(self):
        self._clients.close()


@pytest.fixture
def bucket(live):
    made = Bucket(live)
    yield made
    made.close()


def created(key):
    detail = {"bucket": {"name": "b"}, "object": {"key": f"drop/{key}", "size": 1}}
    return {"source": "aws.s3", "detail-type": "Object Created", "detail": detail}


def test_an_object_that_an_event_tells_of_twice_becomes_one_job(live, bucket):
    bucket.put(f"{ECHO}/a b.json", {"text": "from S3"})
    for _ in range(2):
        assert live.ask("POST", "/events", created(f"{ECHO}/a b.json")).status == 202

    said = bucket.result(f"{ECHO}/a b.json.result.json")

    assert (said["status"], said["output"]) == ("succeeded", {"text": "from S3"})
    again = live.ask("POST", "/events", created(f"{ECHO}/a b.json"))
    assert again.json == {"jobs": []}
    jobs = live.ask("GET", f"/api/jobs?endpoint={ECHO}&limit=100").json["jobs"]
    assert [one["id"] for one in jobs if one["id"] == said["job_id"]] == [said["job_id"]]


def test_a_manifest_in_s3_ends_in_a_summary(live, bucket):
    lines = [{"text": str(number)} for number in range(3)] + [{"text": 5}]
    bucket.put(f"{ECHO}/many.jsonl", "\n".join(map(json.dumps, lines)).encode())
    live.ask("POST", "/events", created(f"{ECHO}/many.jsonl"))

    counts = bucket.result(f"{ECHO}/many.jsonl.results/_summary.json")["counts"]

    assert (counts["total"], counts["succeeded"], counts["failed"]) == (4, 3, 1)
    last = bucket.result(f"{ECHO}/many.jsonl.results/000004.error.json")
    assert last["error"]["problems"][0]["loc"] == ["body", "text"]
