"""async-invoke, the task record and task types through the real product: a picture and a webhook."""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from PIL import Image

from tests.live import until, up
from tests.receiver import receiver

if TYPE_CHECKING:
    from collections.abc import Callable


def picture():
    made = io.BytesIO()
    Image.new("RGB", (8, 8), "red").save(made, "png")
    return f"data:image/png;base64,{base64.b64encode(made.getvalue()).decode()}"


MODEL = "tests/painter/edit"
INPUT = {"prompt": "the other way round", "image_url": picture()}
TASK = {"task": "fal/image-edit", "model": "painter", "payload": INPUT}


@pytest.fixture(scope="module")
def live(tmp_path_factory):
    settings = {"WORKERS": '["tests.workers.standins"]'}
    with up(tmp_path_factory.mktemp("live"), settings=settings) as running:
        yield running


def picture_at(live, output):
    (image,) = output["images"]
    reply = live.ask("GET", image["url"], key=None)
    assert Image.open(io.BytesIO(reply.body)).getpixel((0, 0)) == (0, 255, 255)
    return reply.body


class Story(NamedTuple):
    submit: Callable[[str], tuple[str, Any]]
    """Path and body, for a receiver's URL."""
    job_id: str
    """Field of the answer."""
    place: str
    before: tuple[str, ...]
    done: str
    output: str


STORIES = {
    "async-invoke": Story(
        lambda hook: (
            "/v1/async-invoke",
            {"model_id": MODEL, "input": INPUT, "webhook_url": hook},
        ),
        "request_id",
        "/v1/async-invoke/{}",
        ("QUEUED", "IN_PROGRESS"),
        "COMPLETED",
        "output",
    ),
    "yescale": Story(
        lambda hook: (f"/fal-ai/{MODEL}?fal_webhook={hook}", INPUT),
        "task_id",
        "/fal-ai/{}",
        ("SUBMITTED", "QUEUED", "IN_PROGRESS"),
        "SUCCESS",
        "data",
    ),
    "task-types": Story(
        lambda hook: ("/v1/tasks", {**TASK, "async": True, "webhook_url": hook}),
        "request_id",
        "/v1/tasks/{}",
        ("pending", "running"),
        "completed",
        "output",
    ),
}


@pytest.mark.parametrize("story", STORIES.values(), ids=STORIES)
def test_a_picture_is_made_read_and_announced(live, story):
    with receiver() as hook:
        path, body = story.submit(hook.url)
        answer = live.ask("POST", path, body)
        assert answer.status in (200, 202), answer
        job_id = answer.json[story.job_id]

        def over():
            said = live.ask("GET", story.place.format(job_id)).json
            assert said["status"] in (*story.before, story.done), said
            return said if said["status"] == story.done else None

        said = until(over, what=f"{job_id} to end")
        posted = hook.next().json

    assert picture_at(live, said[story.output]) == picture_at(live, posted[story.output])
    assert {**posted, story.output: None} == {**said, story.output: None}


def test_a_sync_task_is_answered_with_its_picture(live):
    answer = live.ask("POST", "/v1/tasks", TASK)

    assert answer.status == 200, answer
    assert picture_at(live, answer.json)


def test_one_of_them_as_its_vendors_callers_write_it(live):
    # They say Bearer, and put nothing before the model's name but its owner.
    answer = live.ask(
        "POST", "/v1/async-invoke", {"model_id": MODEL, "input": INPUT}, key=None,
        Authorization="Bearer live-test-key",
    )  # fmt: skip

    assert (answer.status, answer.json["status"]) == (202, "QUEUED")
