"""The nineteen task types against their published fields and limits."""

from __future__ import annotations

import json

import pytest
from pydantic import ValidationError

from pilotlight.contracts.endpoints import KNOWN
from pilotlight.contracts.example import example_of
from pilotlight.contracts.media import has_media
from pilotlight.contracts.tasks import TASKS, shapes

CHAT = "messages! model temperature top_p max_tokens stream stop tools"
DIFFUSION = "num_inference_steps guidance_scale"
IMAGES = "prompt! negative_prompt image_size"
FILM = f"prompt! resolution aspect_ratio {DIFFUSION} num_frames fps seed"
PUBLISHED = {
    "openai/chat-completion": (CHAT, "choices.message.content"),
    "openai/chat-completion/vision": (CHAT, "choices.message.content"),
    "openai/chat-completion/ocr": (CHAT, "choices.message.content"),
    "openai/chat-completion/moderation": ("messages", "results.flagged"),
    "openai/embeddings": ("input! encoding_format dimensions", "data.embedding"),
    "openai/rerank": (
        "model! query! documents! top_n return_documents",
        "results.relevance_score",
    ),
    "openai/score": ("model! text_1! text_2!", "data.score"),
    "openai/audio-speech": ("input! voice response_format speed", "audio_url"),
    "openai/audio-transcription": ("audio_url! language task", "text"),
    "openai/image-generation": ("prompt! n size quality response_format", "data.url"),
    "fal/text-to-image": (
        f"{IMAGES} {DIFFUSION} num_images seed loras enable_safety_checker output_format",
        "images.url",
    ),
    "fal/image-edit": (
        f"prompt! image_url! mask_url strength {DIFFUSION} num_images seed loras",
        "images.url",
    ),
    "fal/text-to-video": (f"{FILM} output_format", "video.url"),
    "fal/image-to-video": (f"{FILM} image_url!", "video.url"),
    "fal/speech-to-video": (f"audio_url! image_url! prompt {DIFFUSION} seed", "video.url"),
    "fal/audio-transcription": ("audio_url! language task", "text"),
    "fal/video-interpolate": ("video_url!", "video.url"),
    "fal/video-upscale": ("video_url!", "video.url"),
    "fal/ocr": ("image_url!", "text"),
}
"""Fields, ! behind those that have to be given; and where in the output the result is."""
ASYNC = {
    "fal/text-to-video", "fal/image-to-video", "fal/speech-to-video", "fal/video-interpolate",
    "fal/video-upscale",
}  # fmt: skip


def test_there_are_the_nineteen_and_no_others():
    assert set(TASKS) == set(PUBLISHED)
    assert len(TASKS) == 19
    assert {name for name, task in TASKS.items() if not task.sync} == ASYNC


@pytest.mark.parametrize("task", PUBLISHED)
def test_a_task_type_has_its_published_fields(task):
    fields = shapes(task)[0].model_fields

    for word in PUBLISHED[task][0].split():
        name = word.removesuffix("!")
        assert name in fields
        assert fields[name].is_required() == word.endswith("!"), name


@pytest.mark.parametrize("task", PUBLISHED)
def test_the_result_is_where_it_is_published_to_be(task):
    schema = shapes(task)[1].model_json_schema(mode="serialization")
    at = schema
    for part in PUBLISHED[task][1].split("."):
        at = at["properties"][part]
        at = at.get("items", at)
        if "$ref" in at:
            at = schema["$defs"][at["$ref"].rpartition("/")[2]]


@pytest.mark.parametrize("task", PUBLISHED)
def test_the_example_of_a_task_type_is_taken(task):
    model = shapes(task)[0]

    assert model.model_validate_json(json.dumps(example_of(model)))


def test_fals_endpoints_are_of_task_types_that_callers_can_name():
    of_fal = {known.task for known in KNOWN.values()}
    own_words = {
        "fal/vision", "fal/video-to-video", "fal/text-to-music", "fal/video-to-audio",
        "fal/image-to-3d", "fal/training",
    }  # fmt: skip

    assert of_fal - set(TASKS) == own_words


IMAGE = {"prompt": "a pier"}
EDIT = {"prompt": "a pier", "image_url": "https://a.example/b.png"}
SPEECH = {"input": "Light!"}
CHATTING = {"messages": [{"role": "user", "content": "Light!"}]}
LIMITS = [
    ("fal/text-to-image", IMAGE, "num_images", [1, 10], [0, 11]),
    ("fal/image-edit", EDIT, "num_images", [1, 10], [0, 11]),
    ("fal/image-edit", EDIT, "strength", [0, 0.5, 1], [-0.1, 1.1]),
    (
        "fal/text-to-image",
        IMAGE,
        "loras",
        [[], [{"path": "a/b", "scale": 0}], [{"path": "a/b", "scale": 4}]],
        [[{"path": "a/b", "scale": 4.1}], [{"path": "a/b", "scale": -1}], [{"scale": 1}]],
    ),
    (
        "fal/text-to-image",
        IMAGE,
        "image_size",
        ["square_hd", "portrait_16_9", {"width": 14142, "height": 1}],
        ["large", {"width": 0, "height": 9}, {"width": 14143, "height": 9}],
    ),
    ("openai/image-generation", IMAGE, "n", [1, 10], [0, 11]),
    ("openai/image-generation", IMAGE, "size", ["1024x1024", "auto"], ["1024", "0x10", "x"]),
    ("openai/image-generation", IMAGE, "quality", ["standard", "hd"], ["best"]),
    ("openai/audio-speech", SPEECH, "speed", [0.25, 4], [0.2, 4.1]),
    ("openai/audio-speech", SPEECH, "input", ["x", "x" * 4096], ["", "x" * 4097]),
    (
        "openai/audio-speech",
        SPEECH,
        "response_format",
        ["mp3", "opus", "aac", "flac", "wav", "pcm"],
        ["ogg"],
    ),
    ("openai/chat-completion", CHATTING, "temperature", [0, 2], [-0.1, 2.1]),
    ("openai/chat-completion", CHATTING, "stop", ["a", ["a", "b"], None], [5]),
    ("openai/chat-completion", CHATTING, "messages", [], [[], [{"role": "robot"}]]),
    ("openai/embeddings", {"input": "a"}, "encoding_format", ["float", "base64"], ["int8"]),
    ("openai/embeddings", {"input": "a"}, "input", ["a", ["a", "b"], [1, 2], [[1], [2]]], ["", []]),
    ("openai/score", {"model": "m", "text_1": "a", "text_2": "b"}, "text_1", ["a"], [["a", "b"]]),
    ("openai/chat-completion/moderation", {"input": "a"}, "input", ["a", ["a"]], [None, ""]),
    (
        "fal/audio-transcription",
        {"audio_url": "https://a.example/b.wav"},
        "language",
        ["en", "zh-CN"],
        ["English!"],
    ),
]


@pytest.mark.parametrize(("task", "body", "field", "taken", "refused"), LIMITS)
def test_a_limit_of_a_task_type_holds(task, body, field, taken, refused):
    model = shapes(task)[0]

    for value in taken:
        assert model.model_validate({**body, field: value})
    for value in refused:
        with pytest.raises(ValidationError):
            model.model_validate({**body, field: value})


def test_pictures_in_a_conversation_are_fetched_like_any_other_input():
    vision = shapes("openai/chat-completion/vision")[0]
    part = {"type": "image_url", "image_url": {"url": "https://a.example/b.png"}}

    assert has_media(vision)
    assert vision.model_validate({"messages": [{"role": "user", "content": [part]}]})


def test_what_only_one_engine_knows_reaches_it():
    chat = shapes("openai/chat-completion")[0].model_validate({**CHATTING, "top_k": 5})

    assert chat.model_dump()["top_k"] == 5
