"""OpenAI's words against contracts of every kind: pure translation, there and back."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from pydantic import BaseModel, ConfigDict

from handlers.dialects.openai import DIALECT, calls, images, operations
from handlers.dialects.openai.chat import Chunks
from handlers.dialects.openai.errors import WrongUse
from handlers.dialects.openai.operation import Told
from handlers.dialects.openai.pieces import piece_of
from pilotlight.catalogue import Served, discover
from pilotlight.contracts import endpoints as public
from pilotlight.contracts.job import JobError
from pilotlight.settings import RouteSettings
from tests.dialects.openai_stage import said

CATALOGUE = discover(("tests.workers.standins",))
A, B = "https://a.example/a.png", "https://a.example/b.png"


def behind(endpoint_id):
    """A public contract, whoever would serve it."""
    endpoint = public.contract(endpoint_id)
    spec = CATALOGUE.spec("painter")
    return Served(endpoint, spec, endpoint)


@pytest.mark.parametrize(
    ("endpoint_id", "document", "body"),
    [
        (
            "fal-ai/imagen4/preview",
            {"prompt": "x", "size": "1600x900", "n": 2, "resolution": "1K"},
            {"prompt": "x", "aspect_ratio": "16:9", "num_images": 2, "resolution": "1K"},
        ),
        (
            "fal-ai/recraft/v3/text-to-image",
            {"prompt": "x", "size": "512x256", "style": "digital_illustration", "user": "u"},
            {
                "prompt": "x",
                "image_size": {"width": 512, "height": 256},
                "style": "digital_illustration",
            },
        ),
        ("fal-ai/hidream-i1-full", {"prompt": "x", "size": "auto", "seed": 7}, None),
    ],
)
def test_a_generation_is_asked_in_the_contracts_own_words(endpoint_id, document, body):
    wish = images.generation(document, behind(endpoint_id))

    assert wish.body == (body or {"prompt": "x", "seed": 7})
    behind(endpoint_id).endpoint.input.model_validate_json(json.dumps(wish.body))


@pytest.mark.parametrize(
    ("endpoint_id", "document", "more"),
    [
        ("fal-ai/flux-pro/kontext/multi", {"image": [A, B]}, {"image_urls": [A, B]}),
        (
            "fal-ai/flux-pro/kontext/multi",
            {"images": [{"image_url": A}, {"image_url": B}]},
            {"image_urls": [A, B]},
        ),
        ("fal-ai/flux-pro/kontext/max", {"image": A}, {"image_url": A}),
        ("fal-ai/flux-pro/kontext/max", {"image_url": A}, {"image_url": A}),
        (
            "fal-ai/flux-kontext-lora/inpaint",
            {"image": A, "mask": {"image_url": B}, "reference_image_url": A},
            {"image_url": A, "mask_url": B, "reference_image_url": A},
        ),
    ],
)
def test_an_edits_pictures_go_where_the_contract_wants_them(endpoint_id, document, more):
    wish = images.edit({"prompt": "x", **document}, behind(endpoint_id))

    assert wish.body == {"prompt": "x", **more}
    behind(endpoint_id).endpoint.input.model_validate_json(json.dumps(wish.body))


def test_a_mask_of_openais_is_told_to_be_one_where_that_is_understood():
    found = discover(["workers.production"])
    wish = images.edit(
        {"prompt": "x", "image": A, "mask": B}, found.endpoint("qwen-image-edit-2511")
    )

    assert wish.body == {"prompt": "x", "image_url": A, "mask_url": B, "mask_by": "transparent"}


@pytest.mark.parametrize(
    ("document", "param"),
    [
        ({}, "image"),
        ({"image": 5}, "image"),
        ({"images": [{"file_id": "file-1"}]}, "image"),
        ({"image": A, "mask": B}, "mask"),
    ],
)
def test_an_edit_that_cannot_be_names_what_is_wrong(document, param):
    with pytest.raises(WrongUse) as caught:
        images.edit({"prompt": "x", **document}, behind("fal-ai/flux-pro/kontext/max"))

    assert caught.value.details["param"] == param


def test_a_routed_id_without_a_contract_is_asked_by_its_public_names():
    route = RouteSettings(
        endpoint="acme/turn", worker="painter", target="tests/painter/edit",
        rename={"image_url": "image_url"}, fixed={"output_format": "png"},
    )  # fmt: skip
    served = discover(("tests.workers.standins",), (route,)).endpoint("acme/turn")

    wish = images.edit({"prompt": "x", "image": A, "n": "3", "output_format": "webp"}, served)
    assert wish.body == {"prompt": "x", "image_url": A, "num_images": "3"}


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")

    messages: list[dict]
    model: str = ""


def test_what_a_contract_forbids_is_left_out_so_that_newer_clients_work():
    served = CATALOGUE.endpoint("tests/parrot")
    strict = replace(served.endpoint, input=Strict)
    fit = calls._fit({"messages": [], "reasoning_effort": "low"}, served._replace(endpoint=strict))

    assert fit == {"messages": []}


def test_probabilities_stream_with_the_words_they_are_of():
    def partial(text, tokens):
        output = said(text)
        output["choices"][0]["logprobs"] = {"content": [{"token": one} for one in tokens]}
        return output

    chunks = Chunks(Told("id", "m", 1, {}))
    told = [
        *chunks.partial(partial("a", ["a"])),
        *chunks.partial(partial("a b", ["a", " b"])),
    ]
    found = [one["choices"][0]["logprobs"] for one in told]
    assert found == [
        None,
        {"content": [{"token": "a"}], "refusal": None},
        {"content": [{"token": " b"}], "refusal": None},
    ]


def test_a_partial_output_may_leave_out_what_earlier_ones_held():
    def partial(text, tokens, **since):
        output = said(text, reasoning_content="h" if since["reasoning_content"] == 0 else "m")
        choice = output["choices"][0]
        choice["logprobs"] = {"content": [{"token": one} for one in tokens]}
        choice["since"] = since
        return output

    chunks = Chunks(Told("id", "m", 1, {}))
    told = [
        *chunks.partial(partial("a", ["a"], content=0, reasoning_content=0, logprobs=0)),
        *chunks.partial(partial(" b", [" b"], content=1, reasoning_content=1, logprobs=1)),
        *chunks.partial(partial("??", ["?"], content=9, reasoning_content=9, logprobs=9)),
        *chunks.end(said("a b c", reasoning_content="hm")),
    ]
    deltas = [one["choices"][0]["delta"] for one in told]
    assert [one["content"] for one in deltas if "content" in one] == ["", "a", " b", " c"]
    thoughts = [one["reasoning_content"] for one in deltas if "reasoning_content" in one]
    assert thoughts == ["h", "m"]
    assert [one["choices"][0]["logprobs"] for one in told][4] == {
        "content": [{"token": " b"}],
        "refusal": None,
    }


def test_several_choices_stream_side_by_side():
    output = said("a")
    output["choices"].append({**output["choices"][0], "index": 1, "finish_reason": "length"})
    ended = list(Chunks(Told("id", "m", 1, {"usage": True})).end(output))

    assert [(one["choices"] or [{}])[0].get("index") for one in ended] == [0, 0, 1, 1, 0, 1, None]
    assert [one["choices"][0]["finish_reason"] for one in ended[4:6]] == ["stop", "length"]


@pytest.mark.parametrize(
    "url", [None, 5, "https://a.b/c", "data:audio/wav;base64,?", "data:audio/wav,é"]
)
def test_what_is_no_sound_is_no_piece(url):
    assert piece_of({"audio_url": url}) == b""


def test_every_call_has_a_name_a_path_and_tasks_of_its_own():
    assert len(operations.NAMED) == len(operations.ALL)
    for one in operations.ALL:
        assert operations.for_path(one.prefixes[0] + one.path) is one
        assert one.tasks
    assert operations.for_path("/v1/batches") is None


def event_of(make_job, *, op, output=None, error=None, **more):
    job = make_job(options=json.dumps({"op": op, **more}), origin="openai")
    status = "succeeded" if error is None else "failed"
    body = None if output is None else json.dumps(output).encode()
    return DIALECT.announce(replace(job, status=status), output=body, error=error)


def test_a_webhook_tells_of_a_failure(make_job):
    event = event_of(make_job, op="embeddings", error=JobError("out_of_memory", "too big"))

    assert event["type"] == "request.failed"
    assert event["data"]["error"]["code"] == "out_of_memory"


def test_a_webhook_brings_text_as_text_and_files_as_urls(make_job):
    heard = event_of(make_job, op="audio.transcriptions", output={"text": "hi"}, format="text")
    assert heard["data"]["response"] == "hi\n"
    spoken = event_of(make_job, op="audio.speech", output={"audio_url": A})
    assert spoken["data"]["response"] == {"audio_url": A}
    thin = event_of(make_job, op="embeddings")
    assert thin["data"]["response"] is None
