"""What a batch costs whoever looks after it: requests by line, counted at a proxy."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from starlette.testclient import TestClient

from handlers.app import create_app
from infra import scale
from pilotlight import bootstrap
from pilotlight.adapters.aws import queues
from pilotlight.contracts import moves
from pilotlight.contracts.group import member_id
from pilotlight.contracts.job import JobStatus
from pilotlight.intake import keys
from pilotlight.intake.groups.batches.ticket import line_key
from tests.celery.test_costs import clock, house

__all__ = ["clock", "house"]
RUN = "/run/pilotlight/echo"
ANSWER = "x" * 2000


class Batch:
    """So many lines through the ingress; the steward is called as upkeep does."""

    def __init__(self, services, count):
        self.services, self.count = services, count
        text, record = keys.mint(pepper=services.pepper, caller="alice", name="", now=0)
        services.keys.add(record)
        client = TestClient(create_app(services), headers={"Authorization": f"Bearer {text}"})
        asked = "\n".join(
            json.dumps(
                {"custom_id": f"n{n}", "method": "POST", "url": RUN, "body": {"text": str(n)}}
            )
            for n in range(1, count + 1)
        )
        form = {"purpose": (None, "batch"), "file": ("in.jsonl", asked.encode())}
        own_id = client.post("/v1/files", files=form).json()["id"]
        wish = {"input_file_id": own_id, "endpoint": RUN, "completion_window": "24h"}
        self.id = client.post("/v1/batches", json=wish).json()["id"]
        found = services.store.list_jobs(limit=2)
        self.head_id = next(one.id for one in found if one.id.replace("-", "") in self.id)
        self.client = client

    @property
    def tally(self):
        return self.services.members.tally(self.head_id)

    def look_until(self, done):
        for _ in range(2 + self.count // 100):
            if done():
                return
            self.services.steward(self.services.clock.now())
        assert done()

    def run_all(self):
        """Sixteen replicas."""
        store, now = self.services.store, self.services.clock.now()

        def run(number):
            own = member_id(self.head_id, line_key(number))
            job = store.move(own, moves.lease(owner="r", now=now, lease_s=600, margin_s=10))
            assert store.move(own, moves.succeed(job, now=now, output=json.dumps({"text": ANSWER})))

        with ThreadPoolExecutor(16) as pool:
            list(pool.map(run, range(1, self.count + 1)))

    def outputs(self):
        said = self.client.get(f"/v1/batches/{self.id}").json()
        text = self.client.get(f"/v1/files/{said['output_file_id']}/content").text
        return [json.loads(line)["custom_id"] for line in text.splitlines()]


@pytest.mark.parametrize("count", [100, pytest.param(1000, marks=pytest.mark.slow)])
def test_a_line_costs_whoever_looks_after_its_batch_what_the_page_computes_with(
    house, proxy, count
):
    rig, _ = house
    looping = rig.settings.queue.model_copy(update={"consumer": "loop"})
    settings = rig.settings.model_copy(update={"workers": ("workers",), "queue": looping})
    services = bootstrap.services(settings)
    queues.create(rig.sqs, settings, services.catalogue.workers)
    batch = Batch(services, count)

    proxy.calls.clear()
    batch.look_until(lambda: batch.tally.total == count)
    spread = proxy.calls.copy()
    batch.run_all()
    proxy.calls.clear()
    batch.look_until(lambda: services.store.get(batch.head_id).status is JobStatus.SUCCEEDED)
    ended = proxy.calls.copy()

    assert batch.outputs() == [f"n{n}" for n in range(1, count + 1)]
    services.close()
    fixed = scale.BATCH_FIXED
    assert spread["SendMessage"] == count
    assert spread["UpdateItem"] <= count + fixed
    others = spread.total() - spread["SendMessage"] - spread["UpdateItem"]
    assert others <= scale.BATCH_SPREAD_A_LINE * count + fixed, spread
    assert ended.total() <= scale.BATCH_END_A_LINE * count + fixed, ended
