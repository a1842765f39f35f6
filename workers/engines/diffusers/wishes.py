"""What a caller says, in the words of a pipeline. Whatever contract it was said in: fal's own, a
task type's or OpenAI's, fields of the same name mean the same.
"""

from __future__ import annotations

import math
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from workers.engines.diffusers import sizes
from workers.engines.diffusers.adaptations import Wanted
from workers.engines.media.pictures import MASKS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from PIL.Image import Image

    from workers.engines.diffusers.declared import Diffused, Size, Way
    from workers.engines.media.decoder import Field
    from workers.engines.media.pictures import Mode

    Opened = Callable[[str, Field, Mode], Image]
    """The picture behind a URL of the input, the field it stands in, and the mode."""

HALF_THE_STEPS: Final = frozenset({"low"})
"""``quality`` of OpenAI's clients; every other one takes the steps that the model was made for."""


@dataclass(frozen=True, kw_only=True)
class Wish:
    """One job's."""

    way: Way
    prompt: str
    negative: str | None
    words: dict[str, Any]
    steps: int
    seed: int
    count: int
    size: Size
    acceleration: str = "none"
    loras: tuple[Wanted, ...] = field(default=())


def wish(job_input: Any, model: Diffused, way: Way, masked: Way | None, opened: Opened) -> Wish:
    """Raises InvalidInput that names the field the model cannot follow."""
    way = _chosen(job_input, way, masked)
    words: dict[str, Any] = {}
    source = getattr(job_input, "image_url", None)
    if way.image_as and source:
        words[way.image_as] = opened(source, "image_url", "RGB")
    if way.several_as:
        words[way.several_as] = _several(job_input, way, opened)
    size = _size(job_input, way, words)
    words |= {"width": size[0], "height": size[1], **_pictures(job_input, way, opened)}
    if way.own_area:
        words["max_area"] = size[0] * size[1]
    if way.is_film:
        words |= _length(job_input, way)
    words |= _guided(job_input, way)
    steps = _steps(job_input, way)
    if way.strength is not None:
        words["strength"] = strength = max(_said(job_input, "strength", way.strength), 0.01)
        steps = max(steps, math.ceil(1 / strength))  # of which the pipeline takes that share
    seed = getattr(job_input, "seed", None)
    return Wish(
        way=way,
        prompt=_said(job_input, "prompt", ""),
        negative=_negative(job_input, way),
        words=words,
        steps=steps,
        seed=secrets.randbelow(2**32) if seed is None else seed,
        count=_said(job_input, "num_images", None) or _said(job_input, "n", 1),
        size=size,
        acceleration=_said(job_input, "acceleration", "none") if model.cached else "none",
    )


def adaptations(
    job_input: Any, model: Diffused, local: Callable[[str], Path]
) -> tuple[Wanted, ...]:
    """The files of ``loras``. Raises InvalidInput for one that is no URL, or where none are taken."""
    wanted = []
    for number, one in enumerate(getattr(job_input, "loras", ())):
        where = f"loras.{number}.path"
        if not model.loras:
            raise sizes.wrong("loras", "are not taken by this model in eight bits")
        if "://" not in one.path and not one.path.startswith(("blob:", "data:")):
            raise sizes.wrong(where, f"{one.path!r} is no URL; no adaptation is known here by name")
        wanted.append(Wanted(local(one.path), one.scale, ("loras", number, "path")))
    return tuple(wanted)


def _said(job_input: Any, name: str, otherwise: Any) -> Any:
    """What is left out is the model's to choose."""
    value = getattr(job_input, name, None)
    return otherwise if value is None else value


def _chosen(job_input: Any, way: Way, masked: Way | None) -> Way:
    if not getattr(job_input, "mask_url", None) or way.mask_as:
        return way
    if masked is None:
        raise sizes.wrong("mask_url", "is not taken by this model: leave it out")
    return masked


def _several(job_input: Any, way: Way, opened: Opened) -> list[Image]:
    urls = job_input.image_urls
    if len(urls) > way.most_pictures:
        raise sizes.wrong(
            "image_urls", f"are {len(urls)}; this model takes {way.most_pictures} at most"
        )
    return [opened(url, ("image_urls", number), "RGB") for number, url in enumerate(urls)]


def _size(job_input: Any, way: Way, words: dict[str, Any]) -> Size:
    if way.is_film:
        ratio = getattr(job_input, "aspect_ratio", None)
        return sizes.of_film(getattr(job_input, "resolution", None), ratio, way)
    if way.several_as:
        return sizes.of_edit("auto", words[way.several_as][0].size, way)
    if way.image_as in words:
        mode = getattr(job_input, "resolution_mode", None)
        return sizes.of_edit(mode, words[way.image_as].size, way)
    field = "image_size" if hasattr(job_input, "image_size") else "size"
    return sizes.sides(getattr(job_input, field, None), way, field=field)


def _pictures(job_input: Any, way: Way, opened: Opened) -> dict[str, Any]:
    found = {}
    mode: Mode
    for argument, name, mode in (
        (way.mask_as, "mask_url", MASKS[_said(job_input, "mask_by", "white")]),
        (way.reference_as, "reference_image_url", "RGB"),
    ):
        url = getattr(job_input, name, None)
        if argument and url:
            found[argument] = opened(url, name, mode)
    return found


def _length(job_input: Any, way: Way) -> dict[str, Any]:
    words: dict[str, Any] = {"num_frames": sizes.frames(_said(job_input, "num_frames", None), way)}
    if way.rate_as:
        words[way.rate_as] = float(_said(job_input, "fps", way.rate))
    return words


def _guided(job_input: Any, way: Way) -> dict[str, Any]:
    if way.guidance is None:
        return {}
    return {way.guidance_as: _said(job_input, "guidance_scale", way.guidance)}


def _steps(job_input: Any, way: Way) -> int:
    if "sigmas" in way.more:  # a distilled model's schedule is its own
        return len(way.more["sigmas"])
    steps = int(_said(job_input, "num_inference_steps", way.steps))
    half = getattr(job_input, "quality", None) in HALF_THE_STEPS
    return max(1, steps // 2) if half else steps


def _negative(job_input: Any, way: Way) -> str | None:
    if not way.negative:
        return None
    return str(_said(job_input, "negative_prompt", "") or way.unwanted)
