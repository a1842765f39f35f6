"""An error at every call site: each port call of a job's whole life goes wrong once.

One run without faults counts the calls; then one run for each call in which exactly that one
fails, is done and never answered, or is the last thing its process does.
"""

from __future__ import annotations

import pytest

from tests.sim.history import simulate

SEED = 5


def sites(*, remote):
    history = simulate(SEED, 1, kinds=(), remote=remote, script={})
    assert not history.violation, str(history)
    assert history.statuses == {"succeeded": 1}
    return history.sites


@pytest.mark.parametrize("remote", [False, True], ids=["local", "remote"])
@pytest.mark.parametrize("fate", ["fails", "unanswered", "dies first", "dies after"])
def test_whichever_call_goes_wrong_the_job_ends_once_and_is_announced(fate, remote):
    wrong = []
    for number, site in enumerate(sites(remote=remote), start=1):
        history = simulate(SEED, 1, kinds=(), remote=remote, script={number: fate})
        if history.violation or history.statuses != {"succeeded": 1}:
            wrong.append(f"call {number} ({site}) {fate}: {history.violation or history.statuses}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("remote", [False, True], ids=["local", "remote"])
def test_the_story_passes_every_call_that_a_job_makes(remote):
    met = {site.partition(" ")[2] for site in sites(remote=remote)}
    assert met >= {
        "store.create",
        "store.move",
        "store.webhooks_due",
        "queue.receive",
        "roster.report",
        "roster.may_lease",
        "roster.retire",
        "fleet.start",
        "feed.append",
        "blobs.put",
        "http.post",
    }
    only = (
        {"queue.send", "queue.extend", "queue.ack"} if remote else {"store.begin", "store.harden"}
    )
    assert met >= only
