"""Task types as these workers take them: with the switch for the safety checker that fal's own
picture endpoints have, also where the task type has none.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pilotlight import Endpoint, WorkerSpec
from pilotlight.contracts import endpoints as public
from pilotlight.contracts.endpoints.shapes import (
    SafetyChecker,  # noqa: TC001 - pydantic reads annotations at run time
)
from pilotlight.contracts.tasks import images, shapes, video

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydantic import BaseModel

    from workers.engines.diffusers.declared import Diffused, Way


class ImageEdit(images.ImageEdit):
    enable_safety_checker: SafetyChecker = True


class TextToVideo(video.TextToVideo):
    enable_safety_checker: SafetyChecker = True


class ImageToVideo(video.ImageToVideo):
    enable_safety_checker: SafetyChecker = True


class Film(video.Film):
    has_nsfw_concepts: list[bool] | None = None
    """One answer, from frames all along the film; None: it was not looked at."""


_OWN: Final[dict[str, tuple[type[BaseModel], type[BaseModel]]]] = {
    "fal/image-edit": (ImageEdit, images.Images),
    "fal/text-to-video": (TextToVideo, Film),
    "fal/image-to-video": (ImageToVideo, Film),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Serves:
    """An endpoint and how the model is called for it."""

    endpoint: Endpoint
    way: Way
    masked: Way | None = None
    """With a mask, where the contract leaves that open."""
    ways: tuple[tuple[str, Way], ...] = ()
    """By the caller's ``video_length``, instead of ``way``."""
    alone_when_followed: bool = False
    """``num_images`` is taken for 1 when somebody follows, as the contract says."""

    @property
    def all_ways(self) -> list[Way]:
        return [self.way, *([self.masked] if self.masked else []), *(way for _, way in self.ways)]

    def way_for(self, length: str | None) -> Way:
        return dict(self.ways).get(length or "", self.way)


def task(name: str, kind: str, way: Way, *, masked: Way | None = None, about: str = "") -> Serves:
    """A task type, by a name of ours."""
    takes, gives = _OWN.get(kind) or shapes(kind)
    endpoint = Endpoint(id=name, task=kind, input=takes, output=gives, description=about)
    return Serves(endpoint=endpoint, way=way, masked=masked)


def known(
    name: str,
    way: Way,
    *,
    ways: tuple[tuple[str, Way], ...] = (),
    alone_when_followed: bool = False,
) -> Serves:
    """An endpoint of fal's, with its very contract."""
    return Serves(
        endpoint=public.contract(name), way=way, ways=ways, alone_when_followed=alone_when_followed
    )


def spec(name: str, model: Diffused, serves: Sequence[Serves]) -> WorkerSpec:
    return WorkerSpec(
        name=name,
        endpoints=tuple(one.endpoint for one in serves),
        gpu_memory_gib=model.gpu_memory_gib,
        timeout_s=model.timeout_s,
        load_timeout_s=model.load_timeout_s,
        jobs_per_replica=model.jobs,
        keep_alive_s=model.keep_alive_s,
        weights=model.weights,
    )
