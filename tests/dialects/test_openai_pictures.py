"""Pictures in OpenAI's words: made and changed, as URLs, inline, as events."""

from __future__ import annotations

import base64
import io
import json

from PIL import Image

from tests.dialects.openai_stage import answered, streamed


def png(side=4):
    made = io.BytesIO()
    Image.new("RGB", (side, side), "red").save(made, "png")
    return made.getvalue()


def drawn(stage, job, name="a.png"):
    return stage.artifact(job.id, png(), name)


TWO = {
    "images": [
        {"url": "artifact:0", "content_type": "image/png", "width": 4, "height": 4},
        {"url": "artifact:1", "content_type": "image/png"},
    ],
    "seed": 7,
}


def two(stage, client, body, **more):
    def other(stage, job):
        return drawn(stage, job, "b.png")

    return answered(stage, client, "/v1/images/generations", body, TWO, [drawn, other], **more)


def test_pictures_are_urls_that_need_no_key(openai_stage, openai_client):
    body = {"model": "tests/painter", "prompt": "a lamp", "n": 2, "size": "64x64"}
    job, reply = answered(
        openai_stage,
        openai_client,
        "/v1/images/generations",
        body,
        {"data": [{"url": "artifact:0"}]},
        [drawn],
    )

    (one,) = reply.json()["data"]
    assert one == {"b64_json": None, "url": one["url"], "revised_prompt": None}
    assert reply.json()["created"] == int(job.created_at)
    with openai_stage.client(None) as anybody:
        assert anybody.get(one["url"]).content == png()


def test_pictures_inline_are_their_bytes_in_base64(openai_stage, openai_client):
    body = {"model": "tests/painter", "prompt": "a lamp", "response_format": "b64_json"}
    _, reply = two(openai_stage, openai_client, body)

    assert [base64.b64decode(one["b64_json"]) for one in reply.json()["data"]] == [png(), png()]
    assert [one["url"] for one in reply.json()["data"]] == [None, None]


def test_an_endpoint_with_fals_contract_is_asked_in_fals_words(openai_stage, openai_client):
    body = {
        "model": "acme/app",
        "prompt": "a lamp",
        "size": "auto",
        "quality": "high",
        "user": "u",
        "steps": 7,
    }
    job, reply = two(openai_stage, openai_client, body)

    assert json.loads(job.input) == {"prompt": "a lamp", "steps": 7}
    assert len(reply.json()["data"]) == 2


def test_what_a_contract_has_no_word_for_is_refused_by_its_openai_name(openai_stage, openai_client):
    more = {"model": "acme/app", "prompt": "a lamp"}
    for wrong, param in (({"n": 2}, "n"), ({"size": "large"}, "size"), ({"prompt": 5}, "prompt")):
        reply = openai_client.post("/v1/images/generations", json=more | wrong)
        assert (reply.status_code, reply.json()["error"]["param"]) == (400, param)


def test_an_edit_sends_its_pictures_along(openai_stage, openai_client):
    job, reply = answered(
        openai_stage,
        openai_client,
        "/v1/images/edits",
        None,
        TWO,
        [drawn, lambda stage, job: drawn(stage, job, "b.png")],
        data={"model": "tests/painter/edit", "prompt": "turn it", "n": "2"},
        files={"image": ("a.png", png(), "image/png"), "mask": ("m.png", png(8), "image/png")},
    )

    stored = json.loads(job.input)
    assert stored["num_images"] == "2"
    blobs = openai_stage.services.blobs
    for field, data in (("image_url", png()), ("mask_url", png(8))):
        with blobs.open(stored[field].removeprefix("blob:")) as file:
            assert file.read() == data
    assert len(reply.json()["data"]) == 2


def test_more_pictures_than_a_model_edits_are_refused(openai_stage, openai_client):
    reply = openai_client.post(
        "/v1/images/edits",
        data={"model": "tests/painter/edit", "prompt": "turn it"},
        files=[("image[]", png()), ("image[]", png())],
    )

    assert (reply.status_code, reply.json()["error"]["param"]) == (400, "image")


def test_an_edit_may_name_a_url_in_json_and_its_faults_are_the_images(openai_stage, openai_client):
    body = {"model": "tests/painter/edit", "prompt": "turn it", "image": "data:text/plain,x"}
    reply = openai_client.post("/v1/images/edits", json=body)

    assert (reply.status_code, reply.json()["error"]["param"]) == (400, "image")


def test_pictures_stream_as_sketches_and_the_whole(openai_stage, openai_client):
    sketch = "data:image/png;base64," + base64.b64encode(png(2)).decode()

    def tell(job):
        for _ in range(2):
            openai_stage.tell(job.id, "partial", data=[{"url": sketch, "width": 2, "height": 2}])
        openai_stage.succeed(job.id, {"data": [{"url": "artifact:0"}]}, [drawn(openai_stage, job)])

    body = {"model": "tests/painter", "prompt": "x", "stream": True, "partial_images": 1}
    _, heard = streamed(openai_stage, openai_client, "/v1/images/generations", body, tell)

    created = int(openai_stage.only_job().created_at)
    common = {"created_at": created, "background": "auto", "quality": "auto"}
    assert heard == [
        {
            "type": "image_generation.partial_image",
            "b64_json": base64.b64encode(png(2)).decode(),
            "size": "2x2",
            "output_format": "png",
            "partial_image_index": 0,
            **common,
        },
        {
            "type": "image_generation.completed",
            "b64_json": base64.b64encode(png()).decode(),
            "size": "auto",
            "output_format": "png",
            "usage": None,
            **common,
        },
    ]
