"""``GET /api/jobs``: one's own jobs, page by page, through filters."""

from __future__ import annotations

import base64

from tests.dialects.native_jobs import APP, JOBS, error_of, submit


def test_the_list_holds_ones_own_jobs_page_by_page(stage, client, stranger, clock):
    made = []
    for number in range(5):
        clock.sleep(1)
        made.append(submit(client, tags=[{"key": "n", "value": str(number % 2)}])["id"])
    submit(stranger)
    stage.succeed(made[0], {"text": "secret output"})
    stage.fail(made[1], message="why")

    def ids(**params):
        page = client.get(JOBS, params=params).json()
        return [job["id"] for job in page["jobs"]], page["next_cursor"]

    first, cursor = ids(limit=2)
    second, cursor = ids(limit=2, cursor=cursor)
    third, end = ids(limit=2, cursor=cursor)
    assert [*first, *second, *third] == made[::-1]
    assert end is None
    assert ids(status="succeeded,failed")[0] == made[1::-1]
    assert ids(status=["failed", "queued"])[0] == made[:0:-1]
    assert ids(tag="n=1")[0] == [made[3], made[1]]
    assert ids(endpoint="acme/other")[0] == []
    assert ids(worker="pictures", endpoint=APP)[0] == made[::-1]
    moment = client.get(f"{JOBS}/{made[3]}").json()["created_at"]
    assert ids(created_from=moment)[0] == made[:2:-1]
    assert ids(created_before=moment)[0] == made[2::-1]
    assert ids(created_before=stage.job(made[1]).created_at)[0] == made[:1]
    shown = client.get(JOBS).json()["jobs"]
    assert [job["error"] and job["error"]["message"] for job in shown] == [
        None, None, None, "why", None,
    ]  # fmt: skip
    assert "output" not in shown[-1]


def test_another_callers_cursor_leads_to_ones_own_jobs_only(client, stranger, clock):
    for _ in range(3):
        clock.sleep(1)
        submit(client)
    cursor = client.get(JOBS, params={"limit": 1}).json()["next_cursor"]

    assert stranger.get(JOBS, params={"cursor": cursor}).json()["jobs"] == []


HUGE = base64.urlsafe_b64encode(b"[1" + b"0" * 400 + b', "x"]').decode()
WRONG_QUERIES = (
    "status=done", "limit=0", "limit=1000", "limit=x", "cursor=x", "cursor=bnVsbA==",
    "cursor=WzEsMl0=", "created_from=yesterday", "created_before=1e400", "tag=x", "stat=queued",
    "created_from=nan", "cursor=ü", f"cursor={HUGE}",
)  # fmt: skip


def test_a_wrong_filter_is_refused_by_name(client):
    for query in WRONG_QUERIES:
        status, error = error_of(client.get(f"{JOBS}?{query}"))

        assert (status, error["field"]) == (422, "query." + query.partition("=")[0]), query
