"""Whoever dies, and whenever: one request upstream for each job, its result here, its webhook sent."""

from __future__ import annotations

import itertools

import pytest

from tests.journeys.relayed import DRAWS, house
from tests.journeys.upstairs.lantern import PIXELS
from tests.live import until
from tests.receiver import receiver

STEPS = {
    "before it is asked": ("POST /queue", False),
    "when it was asked and not answered": ("POST /queue", True),
    "while it is followed": (r"GET /queue/.*/status\?", False),
    "while its result comes": (r"GET /queue/[^?]*/requests/[^/?]+$", False),
    "while its file comes": ("GET /cdn", False),
}
VICTIMS = ("child", "replica", "everything")
ALWAYS = {
    *itertools.product(["child"], STEPS),
    ("replica", "when it was asked and not answered"),
    ("replica", "while it is followed"),
    ("everything", "when it was asked and not answered"),
    ("everything", "while its file comes"),
}
KILLS = [
    pytest.param(*kill, marks=() if kill in ALWAYS else pytest.mark.slow)
    for kill in itertools.product(VICTIMS, STEPS)
]
_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def relay(tmp_path_factory):
    with house(tmp_path_factory.mktemp("relay")) as made:
        yield made


@pytest.fixture(scope="module")
def hook():
    with receiver() as made:
        yield made


def succeeded_once(relay, hook, job_id, word):
    """Everything that must be true at the end, whatever happened before."""
    (image,) = relay.lower.finished(DRAWS, job_id).json["images"]
    told = hook.next()
    assert (told.json["request_id"], told.json["status"]) == (job_id, "OK")
    assert hook.posted.empty()
    assert relay.lower.ask("GET", image["url"], key=None).body == PIXELS
    (asked,) = relay.asked(word)
    assert relay.note(job_id)["id"] == asked
    assert relay.status_of(relay.upper, asked) == "succeeded"


@pytest.mark.parametrize(("victim", "step"), KILLS, ids=lambda word: word.replace(" ", "-"))
def test_a_death_costs_no_second_request(relay, hook, victim, step):
    words, after = STEPS[step]
    word = f"light-{next(_numbers)}"
    stopped = relay.gate.stop(words, after=after)
    job_id = relay.lower.submit(DRAWS, {"prompt": word}, query=f"?fal_webhook={hook.url}")
    stopped.reached()
    relay.kill(victim)
    stopped.open()

    succeeded_once(relay, hook, job_id, word)


def test_the_upstream_may_die_while_it_has_the_request(relay, hook, tmp_path):
    gate, began = tmp_path / "gate", tmp_path / "began"
    word = f"light-{next(_numbers)}"
    prompt = f"{word} GATE={gate} BEGAN={began}"
    job_id = relay.lower.submit(DRAWS, {"prompt": prompt}, query=f"?fal_webhook={hook.url}")
    until(began.exists, what="the upper one to begin")
    relay.upper.kill_everything()
    gate.touch()
    relay.upper.start()

    succeeded_once(relay, hook, job_id, word)


def test_a_restart_in_peace_lets_the_request_go_on(relay, hook, tmp_path):
    gate, began = tmp_path / "gate", tmp_path / "began"
    word = f"light-{next(_numbers)}"
    prompt = f"{word} GATE={gate} BEGAN={began}"
    job_id = relay.lower.submit(DRAWS, {"prompt": prompt}, query=f"?fal_webhook={hook.url}")
    until(lambda: began.exists() and relay.note(job_id).get("id"), what="the request to run")
    assert relay.lower.stop() == 0
    relay.lower.start()
    gate.touch()

    succeeded_once(relay, hook, job_id, word)
