"""What every job store must do when a caller looks through their jobs; run against every adapter."""

from __future__ import annotations

import random
from dataclasses import replace
from itertools import chain

from pilotlight.adapters.aws import listing as dynamo
from pilotlight.adapters.aws.store import DynamoStore
from pilotlight.adapters.local import listing as sqlite
from pilotlight.contracts import moves, tags
from pilotlight.contracts.job import JobStatus
from pilotlight.contracts.pages import Wanted
from pilotlight.contracts.tags import Tag

ALL = Wanted()


def walked(store, wanted=ALL, *, caller="alice", limit=50):
    """The ids of every page, page by page."""
    pages, end = [], None
    while not pages or end is not None:
        page = store.page(wanted, caller=caller, after=end, limit=limit)
        assert len(page.jobs) <= limit
        pages.append([job.id for job in page.jobs])
        end = page.end
    return pages


def test_pages_are_newest_first_and_hold_each_job_once(store, add, clock):
    made = []
    for _ in range(5):
        clock.sleep(0.5)
        made.append(add(created_at=clock.now()).id)
    add(caller="bob")

    assert walked(store, limit=2) == [made[:2:-1], made[2:0:-1], made[:1]]
    assert walked(store, limit=5) == [made[::-1]]
    assert walked(store, caller="nobody") == [[]]


def test_jobs_made_at_one_moment_are_divided_between_pages(store, add):
    made = [add().id for _ in range(5)]

    pages = walked(store, limit=2)

    assert [len(page) for page in pages] == [2, 2, 1]
    assert sorted(chain(*pages)) == sorted(made)


def test_a_job_that_comes_meanwhile_shifts_nothing(store, add, clock):
    made = []
    for _ in range(4):
        clock.sleep(1)
        made.append(add(created_at=clock.now()).id)
    first = store.page(ALL, caller="alice", limit=2)
    clock.sleep(1)
    add(created_at=clock.now())

    second = store.page(ALL, caller="alice", after=first.end, limit=2)

    assert [job.id for job in second.jobs] == made[1::-1]


def test_a_page_goes_on_behind_a_job_that_is_gone(store, add, clock):
    made = []
    for _ in range(3):
        clock.sleep(1)
        made.append(add(created_at=clock.now(), keep_s=1))
    first = store.page(ALL, caller="alice", limit=2)
    store.move(made[1].id, moves.cancel(made[1], now=clock.now()))
    clock.sleep(2)
    assert [job.id for job in store.purge(now=clock.now())] == [made[1].id]

    second = store.page(ALL, caller="alice", after=first.end, limit=2)

    assert [job.id for job in second.jobs] == [made[0].id]


LIGHTHOUSE = Tag("project", 'light "house" \\ größe')
NOBODY_HAS = Wanted(tags=(Tag("team", LIGHTHOUSE.value),))
NEVER = Wanted(created_from=30.0, created_before=20.0)
WANTED = [
    Wanted(statuses=frozenset({JobStatus.CANCELLED})),
    Wanted(statuses=frozenset({JobStatus.ACCEPTED, JobStatus.FAILED})),
    Wanted(endpoint="acme/b"),
    Wanted(worker="other"),
    Wanted(endpoint="acme/b", worker="other", statuses=frozenset({JobStatus.CANCELLED})),
    Wanted(webhooks_only=True),
    Wanted(tags=(LIGHTHOUSE,)),
    Wanted(tags=(LIGHTHOUSE, Tag("team", "a"))),
    NOBODY_HAS,
    Wanted(created_from=20.0),
    Wanted(created_before=20.0),
    Wanted(created_from=10.0, created_before=21.0, worker="other"),
    NEVER,
]


def test_what_is_wanted_is_found_and_nothing_else(store, make_job, clock):
    rng, began = random.Random(11), clock.now()
    made = []
    for _ in range(40):
        clock.sleep(rng.choice([0, 0.25, 1, 2]))
        words = rng.choice([(), (LIGHTHOUSE,), (Tag("team", "a"), LIGHTHOUSE)])
        job = make_job(
            created_at=clock.now(),
            endpoint=rng.choice(["acme/a", "acme/b"]),
            worker=rng.choice(["echo", "other"]),
            caller=rng.choice(["alice", "alice", "bob"]),
            webhook=rng.choice([None, "https://example.org"]),
            tags=tags.written(words),
        )
        store.create([job])
        if rng.random() < 0.5:
            job = store.move(job.id, moves.cancel(job, now=clock.now()))
        made.append(job)
    empty = []
    for one in WANTED:
        wanted = replace(
            one,
            created_from=one.created_from and began + one.created_from,
            created_before=one.created_before and began + one.created_before,
        )
        expected = {job.id for job in made if job.caller == "alice" and wanted.takes(job)}
        found = list(chain(*walked(store, wanted, limit=3)))
        assert sorted(found) == sorted(expected), one
        empty += [] if expected else [one]
    assert empty == [NOBODY_HAS, NEVER]


def test_a_look_is_bounded_and_says_where_the_next_goes_on(store, make_job, clock, monkeypatch):
    monkeypatch.setattr(sqlite, "WINDOW", 4)
    monkeypatch.setattr(dynamo, "BATCH", 2)
    monkeypatch.setattr(dynamo, "_MOST_BATCHES", 2)
    jobs = []
    for number in range(13):
        clock.sleep(number % 2)  # some at one moment
        jobs.append(make_job(created_at=clock.now(), worker="other" if number == 1 else "echo"))
    store.create(jobs)

    pages = walked(store, Wanted(worker="other"), limit=2)

    assert list(chain(*pages)) == [jobs[1].id]
    assert len(pages) >= 3
    assert pages[0] == []


def test_on_dynamodb_a_page_is_one_query_and_one_read_of_its_rows(aws, make_job, clock):
    store = DynamoStore(aws.calls, aws.table, aws.texts, workers=())
    for _ in range(30):
        clock.sleep(1)
        store.create([make_job(created_at=clock.now())])

    for wanted, found in ((ALL, 20), (Wanted(endpoint="acme/none"), 0)):
        with aws.account.counted() as requests:
            page = store.page(wanted, caller="alice", limit=20)
        assert len(page.jobs) == found
        assert dict(requests) == {"Query": 1, "BatchGetItem": 1}
