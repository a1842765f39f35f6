"""Nodes that run only when something is true: what is skipped, and what the run then gives."""

from __future__ import annotations

import pytest

from pilotlight.contracts.job import JobStatus
from pilotlight.errors import InvalidInput
from tests.agents.hands import Hands
from tests.dialects.stage import services_in

IDEAS = {"id": "ideas", "model": "acme/ideas", "payload": {"topic": "ships"}}


@pytest.fixture
def hands(tmp_path, clock):
    with services_in(tmp_path, clock, workers=("tests.agents.models",)) as services:
        yield Hands(services, clock)


def join(node_id, *texts, **more):
    return {"id": node_id, "model": "acme/join", "payload": {"texts": list(texts)}, **more}


@pytest.mark.parametrize(
    ("when", "given", "runs"),
    [
        ("{{input.large}}", {"large": True}, True),
        ("{{input.large}}", {"large": False}, False),
        ("not {{input.large}}", {"large": True}, False),
        ("not {{ input.large }}", {"large": 0}, True),
        ("{{input.words}}", {"words": []}, False),
        ("{{input.words}}", {"words": ["one"]}, True),
        ("{{input.name}}", {"name": ""}, False),
        ("{{input.large}}", {}, False),
        ("not {{input.large}}", {}, True),
        (True, {}, True),
        (False, {}, False),
    ],
)
def test_a_condition_on_the_input_decides_at_once(hands, when, given, runs):
    head = hands.start(join("one", "x", when=when), given=given)

    if not runs:
        assert hands.statuses(head) == {"one": "skipped"}
        assert hands.head(head).status is JobStatus.SUCCEEDED
        assert hands.output(head) == {"one": None}
        assert hands.store.attempts_of(hands.jobs(head)["one"].id) == []
        return
    assert hands.ready(head) == ["one"]
    hands.does(head, "one", {"text": "1"})
    assert hands.output(head) == {"one": {"text": "1"}}


def test_of_two_branches_one_runs_and_the_other_is_null_in_the_runs_output(hands):
    sure = "{{nodes.ideas.output.more.sure}}"
    head = hands.start(
        IDEAS,
        join("yes", "{{nodes.ideas.output.ideas.0}}", when=sure),
        join("no", "try again", when=f"not {sure}"),
        join("after", "{{nodes.no.output.text}}"),
        output={"yes": "{{nodes.yes.output.text}}", "no": "{{nodes.after.output.text}}"},
    )
    assert hands.statuses(head) == {
        "ideas": "queued",
        "yes": "waiting",
        "no": "waiting",
        "after": "waiting",
    }
    hands.does(head, "ideas", {"ideas": ["one"], "more": {"sure": True}})

    assert hands.ready(head) == ["yes"]
    assert hands.statuses(head) == {
        "ideas": "succeeded",
        "yes": "queued",
        "no": "skipped",
        "after": "skipped",
    }
    hands.does(head, "yes", {"text": "done"})
    assert hands.head(head).status is JobStatus.SUCCEEDED
    assert hands.output(head) == {"yes": "done", "no": None}


def test_what_an_output_does_not_have_is_not_true(hands):
    head = hands.start(IDEAS, join("one", "x", when="{{nodes.ideas.output.ideas.0}}"))
    hands.does(head, "ideas", {"ideas": []})

    assert hands.statuses(head)["one"] == "skipped"


def test_a_map_behind_a_skipped_node_is_skipped_with_all_that_needs_it(hands):
    head = hands.start(
        IDEAS | {"when": "{{input.ideas}}"},
        {
            "id": "draw",
            "task": "fal/text-to-image",
            "map": "{{nodes.ideas.output.ideas}}",
            "payload": {"prompt": "{{item}}"},
        },
        join("last", "{{nodes.draw.output.0.images.0.url}}"),
    )

    assert hands.statuses(head) == {"ideas": "skipped", "draw": "skipped", "last": "skipped"}
    assert hands.head(head).status is JobStatus.SUCCEEDED
    assert hands.output(head) == {"last": None}


def test_a_failure_is_stronger_than_a_skip(hands):
    head = hands.start(
        IDEAS,
        join("never", "x", when=False),
        join("both", "{{nodes.ideas.output.ideas.0}}", needs=["never"]),
    )
    hands.fails(head, "ideas", "none today")

    assert hands.statuses(head) == {"ideas": "failed", "never": "skipped", "both": "cancelled"}
    assert hands.head(head).status is JobStatus.FAILED


def test_a_look_that_ends_between_skips_leaves_the_rest_to_the_next(hands):
    chain = [join("a", "x", when="{{input.no}}")]
    chain += [join(b, f"{{{{nodes.{a}.output.text}}}}") for a, b in zip("abc", "bcd", strict=True)]
    move, skips = hands.store.move, []

    def dies_once(job_id, wanted):
        if wanted.transition.name == "T18":
            skips.append(job_id)
            if len(skips) == 3:
                raise OSError("killed")
        return move(job_id, wanted)

    hands.store.move = dies_once
    head = hands.start(*chain)
    hands.clock.sleep(120)
    hands.look()

    assert len(skips) > 4
    assert hands.statuses(head) == dict.fromkeys("abcd", "skipped")
    assert hands.head(head).status is JobStatus.SUCCEEDED


@pytest.mark.parametrize(
    ("node", "message"),
    [
        (join("one", "x", when="yes"), "one.when: must be one template"),
        (join("one", "x", when="{{input.a}} and more"), "one.when: must be one template"),
        (join("one", "x", when="{{nodes.two.output.text}}"), "there is no node 'two'"),
        (join("one", "x", when="{{item}}"), "has a meaning only in the payload"),
        (
            join("one", "{{item}}", map=["a"], when="{{input.a}}"),
            "one.when: a node with map cannot have it",
        ),
    ],
)
def test_a_condition_that_cannot_be_is_refused_before_anything_runs(hands, node, message):
    with pytest.raises(InvalidInput, match="nodes") as caught:
        hands.start(node)
    assert message in str(caught.value)


def test_a_condition_on_a_field_that_no_output_has_is_refused(hands):
    with pytest.raises(InvalidInput, match="has no 'idea'"):
        hands.start(IDEAS, join("one", "x", when="{{nodes.ideas.output.idea}}"))
