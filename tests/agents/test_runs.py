"""Runs on the real services, with hands as replicas: what starts when, and what a failure does."""

from __future__ import annotations

import json

import pytest

from pilotlight.contracts import moves
from pilotlight.contracts.job import LOW_PRIORITY, JobStatus
from pilotlight.errors import IdempotencyMismatch, InvalidInput, QueueQuotaReached
from pilotlight.intake.groups.agents import values
from tests.agents.hands import Hands
from tests.dialects.stage import services_in

IDEAS = {"id": "ideas", "model": "acme/ideas", "payload": {"topic": "{{input.topic}}"}}
DRAW = {
    "id": "draw",
    "task": "fal/text-to-image",
    "map": "{{nodes.ideas.output.ideas}}",
    "payload": {"prompt": "{{item}}, number {{index}}"},
}
JOIN = {
    "id": "join",
    "model": "acme/join",
    "payload": {"texts": "{{nodes.draw.output.*.images.0.url}}"},
}
TOPIC = {"given": {"topic": "ships"}}


def texts(node_id, *words, **more):
    return {"id": node_id, "model": "acme/join", "payload": {"texts": list(words)}, **more}


def picture(number=0):
    return {"images": [{"url": f"artifact:{number}"}], "seed": 7}


@pytest.fixture
def hands(tmp_path, clock):
    with services_in(tmp_path, clock, workers=("tests.agents.models",)) as services:
        yield Hands(services, clock)


def test_a_node_starts_as_soon_as_its_inputs_exist_and_not_before(hands):
    head = hands.start(
        IDEAS, texts("b", "{{nodes.ideas.output.ideas.1}}"), texts("c", "x"), **TOPIC
    )

    assert hands.ready(head) == ["c", "ideas"]
    assert hands.statuses(head) == {"ideas": "queued", "b": "waiting", "c": "queued"}
    hands.does(head, "ideas", {"ideas": ["one", "two"]})
    assert hands.ready(head) == ["b", "c"]
    assert hands.inputs(head, "b") == {"texts": ["two"]}
    hands.does(head, "b", {"text": "B"})
    assert hands.head(head).status is JobStatus.WAITING
    hands.does(head, "c", {"text": "C"})

    assert hands.head(head).status is JobStatus.SUCCEEDED
    assert hands.output(head) == {"b": {"text": "B"}, "c": {"text": "C"}}
    assert hands.steward(hands.clock.now()) is None


def test_a_map_runs_each_item_and_its_outputs_come_in_order(hands):
    head = hands.start(IDEAS, DRAW, JOIN, **TOPIC)
    assert hands.statuses(head) == {"ideas": "queued", "draw": "waiting", "join": "waiting"}
    hands.does(head, "ideas", {"ideas": ["red", "blue", "green"]})

    keys = ["draw.000000", "draw.000001", "draw.000002"]
    assert hands.ready(head) == keys
    assert hands.inputs(head, keys[1]) == {"prompt": "blue, number 1"}
    for key in reversed(keys):
        assert hands.ready(head) == keys[: keys.index(key) + 1]
        hands.does(head, key, picture(), f"{key}.png")
    urls = hands.inputs(head, "join")["texts"]
    assert [url.rpartition("/")[2] for url in urls] == [f"{key}.png" for key in keys]
    hands.does(head, "join", {"text": "three"})

    assert hands.output(head) == {"join": {"text": "three"}}


def test_a_picture_goes_from_one_node_to_the_next_without_a_fetch(hands):
    draw = {"id": "draw", "task": "fal/text-to-image", "payload": {"prompt": "p"}}
    edit = {
        "id": "edit",
        "task": "fal/image-edit",
        "payload": {"prompt": "q", "image_url": "{{nodes.draw.output.images.0.url}}"},
    }
    head = hands.start(draw, edit, output="{{nodes.edit.output.images.0}}")
    hands.does(head, "draw", picture(), "first.png")

    key = hands.inputs(head, "edit")["image_url"].removeprefix("blob:")
    assert key == f"results/{hands.jobs(head)['draw'].id}/1/first.png"
    hands.does(head, "edit", picture(), "second.png")
    shown = hands.output(head)
    assert shown["url"].startswith("http://test/files/")
    assert shown["url"].endswith("/second.png")


def test_files_of_several_nodes_are_all_in_the_runs_own_list(hands):
    nodes = [{"id": one, "task": "fal/text-to-image", "payload": {"prompt": "p"}} for one in "ab"]
    head = hands.start(*nodes)
    for one in "ab":
        hands.does(head, one, picture(), f"{one}.png")

    names = [file["file_name"] for file in json.loads(hands.head(head).artifacts)]
    assert names == ["a.png", "b.png"]
    urls = [hands.output(head)[one]["images"][0]["url"] for one in "ab"]
    assert [url[-5:] for url in urls] == ["a.png", "b.png"]


def test_words_that_look_like_a_file_do_not_keep_a_run_from_its_end(hands):
    head = hands.start({"id": "draw", "task": "fal/text-to-image", "payload": {"prompt": "p"}})
    hands.does(head, "draw", {**picture(), "prompt": "artifact:7"}, "a.png")

    told = hands.output(head)["draw"]
    assert told["prompt"] == "artifact:7"
    assert told["images"][0]["url"].endswith("/a.png")


def test_a_list_without_items_is_a_node_that_has_succeeded(hands):
    after = texts("after", "x", needs=["draw"])
    head = hands.start(IDEAS, DRAW, after, **TOPIC)
    hands.does(head, "ideas", {"ideas": []})

    assert hands.ready(head) == ["after"]
    assert hands.statuses(head)["draw"] == "succeeded"
    hands.does(head, "after", {"text": "done"})
    assert hands.output(head) == {"after": {"text": "done"}}


def test_a_failure_cancels_dependants_with_the_reason_and_lets_the_rest_end(hands):
    head = hands.start(
        IDEAS,
        texts("b", "{{nodes.ideas.output.ideas.0}}"),
        texts("c", "{{nodes.b.output.text}}"),
        texts("alone", "x"),
        webhook="https://example.org/hook",
        **TOPIC,
    )
    hands.fails(head, "ideas", "no ideas today")

    assert hands.statuses(head) == {
        "ideas": "failed", "alone": "queued", "b": "cancelled", "c": "cancelled",
    }  # fmt: skip
    assert hands.error(head, "b").message == "node ideas failed: no ideas today"
    assert hands.error(head, "c").code == "upstream_failed"
    assert hands.error(head, "c").message == "node ideas failed: no ideas today"
    assert hands.head(head).status is JobStatus.WAITING
    hands.does(head, "alone", {"text": "x"})
    row = hands.head(head)
    assert row.status is JobStatus.FAILED
    assert hands.error(head).message == "node ideas failed: no ideas today"
    assert [one.id for one in hands.store.webhooks_due(now=hands.clock.now())] == [head.id]


def test_one_failed_item_fails_its_node_at_once(hands):
    head = hands.start(IDEAS, DRAW, JOIN, **TOPIC)
    hands.does(head, "ideas", {"ideas": ["red", "blue"]})
    hands.fails(head, "draw.000001", "out of blue")

    assert hands.statuses(head)["join"] == "cancelled"
    assert hands.error(head, "join").message == "node draw failed: out of blue"
    hands.does(head, "draw.000000", picture(), "red.png")
    assert hands.error(head).message == "node draw.000001 failed: out of blue"


def test_a_map_over_what_failed_never_runs(hands):
    head = hands.start(IDEAS, DRAW, JOIN, **TOPIC)
    hands.fails(head, "ideas", "none")

    assert hands.statuses(head) == {"ideas": "failed", "draw": "cancelled", "join": "cancelled"}
    assert hands.error(head).message == "node ideas failed: none"
    assert hands.head(head).status is JobStatus.FAILED
    assert hands.steward(hands.clock.now()) is None


def test_an_output_that_turns_out_not_to_fit_fails_the_node_and_names_the_field(hands):
    head = hands.start(
        IDEAS,
        texts("short", "{{nodes.ideas.output.ideas.5}}"),
        {
            "id": "long",
            "model": "acme/ideas",
            "payload": {"topic": "{{nodes.ideas.output.ideas.0}}"},
        },
        **TOPIC,
    )
    hands.does(head, "ideas", {"ideas": ["x" * 21]})

    assert hands.statuses(head) == {"ideas": "succeeded", "short": "failed", "long": "failed"}
    short, long = hands.error(head, "short"), hands.error(head, "long")
    assert short.message == "short.payload.texts: a list of 1 has no '5'"
    assert short.problems[0].loc == ("body", "nodes", "short", "payload", "texts")
    assert "at most 20" in long.message
    assert hands.head(head).status is JobStatus.FAILED


def test_a_map_over_what_turns_out_to_be_no_list_fails(hands):
    each = texts("each", "{{item}}", map="{{nodes.ideas.output.more}}")
    head = hands.start(IDEAS, each, **TOPIC)
    hands.does(head, "ideas", {"ideas": [], "more": "words"})

    assert hands.statuses(head)["each"] == "failed"
    assert "a list of at most" in hands.error(head).message


WORD = "w" * 1_000_000


def test_an_input_of_more_copies_than_an_output_may_be_long_is_refused_before_it_is_made(hands):
    head = hands.start(
        IDEAS,
        texts("b", *["{{nodes.ideas.output.ideas.0}}"] * 16),
        texts("c", "{{nodes.ideas.output.ideas.0}}" * 1_000),
        **TOPIC,
    )
    hands.does(head, "ideas", {"ideas": [WORD]})

    assert hands.statuses(head) == {"ideas": "succeeded", "b": "queued", "c": "failed"}
    refused = hands.error(head, "c")
    assert refused.message.startswith("c.payload.texts: what is put in is more than 16777216")
    assert refused.problems[0].type == "too_large"


def test_a_run_whose_input_is_copied_too_often_does_not_begin(hands):
    with pytest.raises(
        InvalidInput, match=r"nodes\.a\.payload: what is put in is more than 16777216"
    ):
        hands.start(texts("a", "{{input.word}}" * 1_000), given={"word": WORD})


@pytest.mark.parametrize(
    "output", [["{{nodes.ideas.output.ideas.0}}"] * 17, None], ids=["asked for", "by default"]
)
def test_a_runs_output_is_no_longer_than_one_of_a_node_may_be(hands, output):
    more = [texts(f"n{number}", "x") for number in range(16)]
    head = hands.start(IDEAS, *more, output=output, **TOPIC)
    hands.does(head, "ideas", {"ideas": [WORD]})
    for node in more:
        hands.does(head, node["id"], {"text": WORD})

    assert hands.head(head).status is JobStatus.FAILED
    assert hands.error(head).code == "output_too_large"


def test_a_node_over_many_items_is_read_as_far_as_memory_goes(hands, monkeypatch):
    monkeypatch.setattr(values, "MOST_READ", 3_000_000)
    each = texts("each", "{{item}}", map=["1", "2", "3"])
    head = hands.start(each, JOIN | {"payload": {"texts": "{{nodes.each.output.*.text}}"}})
    for number in range(3):
        hands.does(head, f"each.{number:06d}", {"text": WORD})

    assert hands.error(head, "join").message.startswith("join.payload.texts: what node each gave")
    assert hands.head(head).status is JobStatus.FAILED


def test_a_cancel_reaches_every_node_and_nothing_starts_after_it(hands):
    head = hands.start(
        IDEAS, texts("b", "{{nodes.ideas.output.ideas.0}}"), texts("c", "x"), **TOPIC
    )
    c = hands.jobs(head)["c"]
    hands.store.move(c.id, moves.lease(owner="r1", now=hands.clock.now(), lease_s=60, margin_s=10))
    hands.services.control.cancel(head.id, caller="alice")
    hands.look()
    hands.clock.sleep(1)
    hands.look()

    assert set(hands.statuses(head).values()) == {"cancelled"}
    assert hands.head(head).status is JobStatus.CANCELLED
    assert hands.steward(hands.clock.now()) is None
    assert hands.ready(head) == []


def test_a_run_that_is_not_over_in_time_expires_with_its_nodes(hands):
    head = hands.start(IDEAS, texts("b", "x"), expires_s=60, **TOPIC)
    hands.does(head, "b", {"text": "in time"})
    hands.clock.sleep(61)
    hands.services.reaper(hands.clock.now())
    hands.look()
    hands.clock.sleep(1)
    hands.look()

    assert hands.head(head).status is JobStatus.EXPIRED
    assert hands.statuses(head) == {"ideas": "cancelled", "b": "succeeded"}
    assert hands.error(head, "ideas").code == "group_expired"


def test_a_node_cancelled_by_itself_fails_the_run(hands):
    head = hands.start(IDEAS, texts("b", "{{nodes.ideas.output.ideas.0}}"), **TOPIC)
    hands.services.control.cancel(hands.jobs(head)["ideas"].id, caller="alice")
    hands.look()

    assert hands.head(head).status is JobStatus.FAILED
    assert "node ideas cancelled" in hands.error(head).message


def test_a_key_starts_one_run_and_another_body_with_it_is_refused(hands):
    key = {"idempotency_key": "k", "body_sha256": "a"}
    first = hands.start(IDEAS, **TOPIC, **key)
    again = hands.start(IDEAS, **TOPIC, **key)

    assert first.id == again.id
    assert len(hands.jobs(first)) == 1
    with pytest.raises(IdempotencyMismatch):
        hands.start(IDEAS, **TOPIC, **key | {"body_sha256": "b"})


def test_a_run_that_cannot_work_leaves_no_trace(hands):
    with pytest.raises(InvalidInput):
        hands.start(IDEAS, given={"subject": "x"})

    assert hands.store.list_jobs() == []


def test_priority_goes_to_every_job(hands):
    head = hands.start(IDEAS, DRAW, priority=LOW_PRIORITY, **TOPIC)
    hands.does(head, "ideas", {"ideas": ["red"]})

    assert {job.priority for job in hands.jobs(head).values()} == {LOW_PRIORITY}


def test_every_version_of_an_agent_is_kept(hands):
    agents = hands.services.agents
    from pilotlight.contracts.agent import Definition

    one = Definition.model_validate({"nodes": [IDEAS]})
    two = Definition.model_validate({"nodes": [texts("a", "x")]})
    first = agents.keep(one, caller="alice", name="thinker")
    second = agents.keep(two, caller="alice", agent_id=first.id)

    assert (first.version, second.version, second.name) == (1, 2, "thinker")
    assert agents.find(first.id, caller="alice", version=1).definition == first.definition


def test_what_is_put_into_an_input_is_not_read_as_a_template(hands):
    head = hands.start(
        IDEAS, texts("b", "{{nodes.ideas.output.ideas.0}}"), given={"topic": "{{input.secret}}"}
    )
    assert hands.inputs(head, "ideas") == {"topic": "{{input.secret}}"}
    hands.does(head, "ideas", {"ideas": ["{{input.topic}}"]})

    assert hands.inputs(head, "b") == {"texts": ["{{input.topic}}"]}


def test_a_wide_map_is_laid_in_chunks_and_joined_once(hands):
    """More items than one write takes; the joining node waits for the last one."""
    width = hands.services.members.chunk * 2 + 7
    each = texts("each", "{{item}}", map="{{input.list}}")
    join = texts("join", "{{nodes.each.output.0.text}}", needs=["each"])
    head = hands.start(each, join, given={"list": [f"t{n}" for n in range(width)]})
    jobs = hands.jobs(head)
    assert len(jobs) == width + 1

    keys = [key for key in jobs if key != "join"]
    with hands.store.together():
        for key in keys[1:]:
            hands.does(head, key, {"text": key}, look=False)
    hands.look()
    assert hands.statuses(head)["join"] == "waiting"
    hands.does(head, keys[0], {"text": "first"})
    assert hands.inputs(head, "join") == {"texts": ["first"]}


def test_who_has_as_many_jobs_waiting_as_may_starts_no_run(tmp_path, clock):
    quota = {"queued_jobs": 2}
    with services_in(tmp_path, clock, workers=("tests.agents.models",), quota=quota) as services:
        hands = Hands(services, clock)
        hands.start(texts("a", "x"), texts("b", "x"))
        clock.sleep(2)

        with pytest.raises(QueueQuotaReached):
            hands.start(texts("a", "x"))
        assert len([job for job in services.store.list_jobs() if job.group_id == job.id]) == 1
