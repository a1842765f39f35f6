"""Every endpoint's contract against what fal publishes of it, field by field.

``endpoints.json`` holds the published facts; ``example_inputs.json`` the published example of
each endpoint's input, prompts exchanged for other words of the same length.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Literal, Union, get_args, get_origin

import pytest
from pydantic import BaseModel, TypeAdapter, ValidationError

from pilotlight.contracts.endpoints import KNOWN, contract
from pilotlight.contracts.example import example_of
from pilotlight.contracts.media import Media

HERE = Path(__file__).parent
PUBLISHED = json.loads((HERE / "endpoints.json").read_text())
EXAMPLES = json.loads((HERE / "example_inputs.json").read_text())

SIBLINGS = {
    "kandinsky5": {"KandinskyT2VDistillRequest": "fal-ai/kandinsky5/text-to-video/distill"},
    "ovi": {"OviI2VRequest": "fal-ai/ovi/image-to-video"},
    "minimax-music": {"TextToMusic15Request": "fal-ai/minimax-music/v1.5"},
    "luma-dream-machine": {
        "TextToVideoRequest": "fal-ai/luma-dream-machine",
        "ImageToVideoRequest": "fal-ai/luma-dream-machine/image-to-video",
        "Ray2TextToVideoRequest": "fal-ai/luma-dream-machine/ray-2",
        "Ray2ImageToVideoRequest": "fal-ai/luma-dream-machine/ray-2/image-to-video",
        "ModifyVideoRequest": "fal-ai/luma-dream-machine/ray-2/modify",
        "ReframeVideoRequest": "fal-ai/luma-dream-machine/ray-2/reframe",
    },
    "pixverse": {
        "ExtendRequest": "fal-ai/pixverse/extend",
        "FastExtendRequest": "fal-ai/pixverse/extend/fast",
        "TransitionRequest": "fal-ai/pixverse/v5/transition",
        "TextToVideoRequest": "fal-ai/pixverse/v5/text-to-video",
        "FastTextToVideoRequest": "fal-ai/pixverse/v3.5/text-to-video/fast",
        "ImageToVideoRequest": "fal-ai/pixverse/v3.5/image-to-video",
        "FastImageToVideoRequest": "fal-ai/pixverse/v3.5/image-to-video/fast",
        "ImageToVideoRequestV4": "fal-ai/pixverse/v4/image-to-video",
        "FastImageToVideoRequestV4": "fal-ai/pixverse/v4/image-to-video/fast",
        "SoundEffectRequest": "fal-ai/pixverse/sound-effects",
        "LipsyncRequest": "fal-ai/pixverse/lipsync",
    },
    "kling-video": {
        "V1TextToVideoRequest": "fal-ai/kling-video/v1/standard/text-to-video",
        "V1ImageToVideoRequest": "fal-ai/kling-video/v1/standard/image-to-video",
        "TextToVideoRequest": "fal-ai/kling-video/v1.6/standard/text-to-video",
        "ImageToVideoRequest": "fal-ai/kling-video/v1.6/standard/image-to-video",
        "VideoEffectsRequest": "fal-ai/kling-video/v1.6/standard/effects",
        "MultiImageToVideoRequest": "fal-ai/kling-video/v1.6/standard/elements",
        "ProImageToVideoRequest": "fal-ai/kling-video/v1.6/pro/image-to-video",
        "TextToVideoV2MasterRequest": "fal-ai/kling-video/v2/master/text-to-video",
        "ImageToVideoV2MasterRequest": "fal-ai/kling-video/v2/master/image-to-video",
        "TextToVideoV21MasterRequest": "fal-ai/kling-video/v2.1/master/text-to-video",
        "ImageToVideoV21MasterRequest": "fal-ai/kling-video/v2.1/master/image-to-video",
        "ImageToVideoV21StandardRequest": "fal-ai/kling-video/v2.1/standard/image-to-video",
        "ImageToVideoV21ProRequest": "fal-ai/kling-video/v2.1/pro/image-to-video",
        "TextToVideoV25ProRequest": "fal-ai/kling-video/v2.5-turbo/pro/text-to-video",
        "ImageToVideoV25ProRequest": "fal-ai/kling-video/v2.5-turbo/pro/image-to-video",
        "LipsyncA2VRequest": "fal-ai/kling-video/lipsync/audio-to-video",
        "LipsyncT2VRequest": "fal-ai/kling-video/lipsync/text-to-video",
    },
    "flux-pro": {
        "FluxProV1Redux": "fal-ai/flux-pro/v1/redux",
        "FluxProRedux": "fal-ai/flux-pro/v1.1/redux",
        "FluxProUltraTextToImageInputRedux": "fal-ai/flux-pro/v1.1-ultra/redux",
        "FluxProTextToImageInputWithAR": "fal-ai/flux-pro/kontext/text-to-image",
    },
}  # fmt: skip
"""Request shapes that are printed on other endpoints' pages, with the ids they are served under."""

PLAIN = {"string": str, "integer": int, "float": float, "boolean": bool}


def alternatives(annotation):
    """The members of a union, wrappers taken off, ``None`` left out."""
    if get_origin(annotation) is Annotated:
        return alternatives(get_args(annotation)[0])
    if get_origin(annotation) is Union or type(annotation).__name__ == "UnionType":
        return [one for inner in get_args(annotation) for one in alternatives(inner)]
    return [] if annotation is type(None) else [annotation]


def enumerated(annotation):
    return [
        value
        for one in alternatives(annotation)
        if get_origin(one) is Literal
        for value in get_args(one)
    ]


def same_type(published, annotation, types):
    """Whether our annotation is what is printed, shapes compared field by field."""
    kinds = alternatives(annotation)
    if published["type"].startswith("list<"):
        (kind,) = kinds
        assert get_origin(kind) is list
        inner = {"type": published["type"][5:-1]}
        return same_type(inner, get_args(kind)[0], types)
    for word in published["type"].split(" | "):
        if word in PLAIN:
            assert PLAIN[word] in kinds or {type(one) for one in enumerated(annotation)} == {
                PLAIN[word]
            }, published
        elif word == "Timings":
            assert kinds == [dict[str, float]]
        elif "enum" in published and (word.endswith("Enum") or word == "Enum"):
            assert enumerated(annotation) == published["enum"]
        else:
            (shape,) = [
                one for one in kinds if isinstance(one, type) and issubclass(one, BaseModel)
            ]
            same_fields(types[word], shape, types, request=False)
    return True


def same_fields(published, model, types, *, request):
    """Names in their order, types, enumerations, defaults, and what must be given."""
    fields = model.model_fields
    assert list(fields) == [one["name"] for one in published]
    for one in published:
        info = fields[one["name"]]
        where = f"{model.__name__}.{one['name']}"
        assert same_type(one, info.annotation, types), where
        if "default" in one:
            assert same_default(info, one["default"]), where
        elif not one.get("required"):
            # What is off, empty or open by default is not printed.
            assert info.is_required() or info.get_default() in (None, False, [], 0), where
        if request and "required" in one:
            assert info.is_required() == one["required"], where


def same_default(info, printed):
    default = info.get_default()
    return default == printed and type(default) in {type(printed), int, float}


@pytest.mark.parametrize("endpoint", PUBLISHED)
def test_a_published_endpoint_has_exactly_its_published_fields(endpoint):
    published, ours = PUBLISHED[endpoint], contract(endpoint)

    same_fields(published["input"], ours.input, published["types"], request=True)
    same_fields(published["output"], ours.output, published["types"], request=False)
    assert ours.streams or not published["streams"]


@pytest.mark.parametrize("endpoint", PUBLISHED)
def test_requests_printed_beside_an_endpoint_are_served_under_ids_of_their_own(endpoint):
    published = PUBLISHED[endpoint]
    family = next((name for name in SIBLINGS if name in endpoint), None)
    printed = dict(published["sibling_requests"])
    printed |= {name: it for name, it in published["types"].items() if "prompt" in str(it)}
    assert family is not None or not printed

    for name, fields in printed.items():
        model = contract(SIBLINGS[family][name]).input
        same_fields(fields, model, published["types"], request=False)


def test_every_sibling_has_an_id_and_every_id_a_contract():
    named = {name for one in PUBLISHED.values() for name in one["sibling_requests"]}

    assert named <= {name for family in SIBLINGS.values() for name in family}
    assert set(PUBLISHED) | {i for family in SIBLINGS.values() for i in family.values()} == set(
        KNOWN
    )


def tried(endpoint, field, value):
    """Whether the endpoint's field takes this value; with the problem's type where it does not."""
    info = contract(endpoint).input.model_fields[field]
    try:
        TypeAdapter(Annotated[info.annotation, *info.metadata]).validate_python(value)
    except ValidationError as error:
        return error.errors()[0]["type"]
    return "taken"


def edges(unit, low, high):
    """Values just inside and just outside of a range, each with what becomes of it."""

    def check(endpoint, field):
        if low:
            assert tried(endpoint, field, unit(low)) == "taken"
            assert tried(endpoint, field, unit(low - 1)) != "taken"
        if high:
            assert tried(endpoint, field, unit(high)) == "taken"
            assert tried(endpoint, field, unit(high + 1)) != "taken"

    return check


def marked(**limits):
    def check(endpoint, field):
        info = contract(endpoint).input.model_fields[field]
        (media,) = [one for one in info.metadata if isinstance(one, Media)]
        assert {name: getattr(media, name) for name in limits} == limits

    return check


def by_enumeration(endpoint, field):
    """``same_fields`` has compared it."""
    assert enumerated(contract(endpoint).input.model_fields[field].annotation)


def long_and_large(endpoint, field):
    body = {"prompt": "p", "image_url": "https://a.example/b.png", "resolution": "1080p"}
    assert contract(endpoint).input.model_validate(body)
    with pytest.raises(ValidationError) as refused:
        contract(endpoint).input.model_validate({**body, field: "8"})
    (problem,) = refused.value.errors()
    assert (problem["loc"], problem["type"]) == ((field,), "feature_not_supported")


def four_and_more(endpoint, field):
    url = "https://a.example/b.png"
    assert tried(endpoint, field, []) == "too_short"
    assert tried(endpoint, field, [url] * 5) == "taken"


def words(count):
    return "x" * count


LIMITS = {
    "1-4": edges(int, 1, 4),
    "always 1 when streaming": edges(int, 1, None),
    "1 strictest": by_enumeration,
    "5s or 10s": by_enumeration,
    "W:H, one of 768x512, 512x768, 512x512": by_enumeration,
    "one of 512x992, 992x512, 960x512, 512x960, 720x720, 448x1120": by_enumeration,
    "1080p is limited to 5 s": long_and_large,
    "10-600 characters": edges(words, 10, 600),
    "10-300 characters": edges(words, 10, 300),
    "at most 600 characters": edges(words, None, 600),
    "at most 200 characters": edges(words, None, 200),
    "at most 7000 x 7000 px; fetched within 20 s": marked(
        kind="image", max_width=7000, max_height=7000, fetch_s=20
    ),
    "at most 14142 x 14142 px; fetched within 20 s": marked(
        kind="image", max_width=14142, max_height=14142, fetch_s=20
    ),
    ".wav or .mp3, longer than 15 s": marked(kind="audio", formats=(".wav", ".mp3"), min_s=15),
    ".mp4 or .mov, at most 100 MB, 3.0-20.0 s": marked(
        kind="video", formats=(".mp4", ".mov"), max_bytes=100 * 1024**2, min_s=3, max_s=20
    ),
    "1-4; past 4 only the first 4 are used; jpg, png, avif, heif": four_and_more,
    "under 30 s": marked(kind="audio", max_s=30),
}
LIMITED = [
    (endpoint, one["name"], one["limit"])
    for endpoint, published in PUBLISHED.items()
    for one in published["input"]
    if "limit" in one
]


@pytest.mark.parametrize(("endpoint", "field", "limit"), LIMITED)
def test_a_published_limit_holds(endpoint, field, limit):
    LIMITS[limit](endpoint, field)


@pytest.mark.parametrize("endpoint", PUBLISHED)
def test_the_published_example_of_an_input_is_taken(endpoint):
    body = json.dumps(EXAMPLES[endpoint])

    taken = contract(endpoint).input.model_validate_json(body)

    assert taken.model_fields_set == set(EXAMPLES[endpoint])


@pytest.mark.parametrize("endpoint", KNOWN)
def test_our_own_example_of_an_input_is_taken(endpoint):
    model = contract(endpoint).input

    assert model.model_validate(example_of(model))
