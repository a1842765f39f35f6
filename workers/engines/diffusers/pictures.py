"""Workers that are a picture model behind diffusers and nothing else."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, ClassVar, Final

from pilotlight import Context, Image, Worker, stage
from workers.engines.diffusers.easel import Easel, Sketch
from workers.engines.diffusers.loading import load
from workers.engines.diffusers.wishes import adaptations, wish
from workers.engines.media import pictures
from workers.engines.sight.safety import Safety, covered

if TYPE_CHECKING:
    from collections.abc import Callable

    from PIL.Image import Image as Picture
    from pydantic import BaseModel

    from workers.engines.diffusers.contracts import Serves
    from workers.engines.diffusers.declared import Diffused, Way
    from workers.engines.diffusers.wishes import Opened, Wish
    from workers.engines.media.decoder import Field
    from workers.engines.media.pictures import Mode

MOST_LOOKS: Final = 8
"""Unfinished pictures that a follower sees of each: to decode one takes as long as half a step."""
_WARM_UP_SIDE: Final = 256
_QUALITY: Final = 95
"""Of JPEG and WebP."""
_PNG_LEVEL: Final = 1
"""At Pillow's usual level a PNG of a megapixel takes 0.2 s instead of 0.05, to be a tenth smaller."""


class Painting(Worker[Any, Any]):
    """Pictures from words, or from pictures and words."""

    model: ClassVar[Diffused]
    serves: ClassVar[tuple[Serves, ...]]

    def load(self) -> None:
        self.easel = Easel(load(self.model))
        self.safety = Safety()
        with stage("warm_up"):
            self.warm_up()

    def warm_up(self) -> None:
        """One step of a small picture that nobody sees: libraries have done by then what they do
        at their first call."""
        for one in self.serves[:1]:
            self.easel.draw([_nothing(one.way)], check=_patient)

    def park(self) -> bool:
        return self.easel.pipes.park()

    def wake(self) -> None:
        self.easel.pipes.wake()

    def run(self, job_input: Any, context: Context) -> Any:
        """Image k is drawn from seed + k. A cancelled job ends at the next step."""
        serves = next(one for one in self.serves if one.endpoint.id == context.endpoint)
        began = time.perf_counter()
        asked = wish(job_input, self.model, serves.way, serves.masked, opener(context))
        asked = self.understood(asked, context)
        loras = adaptations(job_input, self.model, context.input_file)
        alone = serves.alone_when_followed and context.streaming
        sheet = _Sheet(job_input, asked, context, 1 if alone else asked.count,
                       serves.endpoint.output, self.safety)  # fmt: skip
        sketches = [sheet.sketch(number, loras) for number in range(sheet.count)]
        drawn = [
            _as_asked(one, asked) for one in self.easel.draw(sketches, check=lambda: heed(context))
        ]
        inferred = time.perf_counter() - began
        unfit = self.safety.unfit(drawn, asked=sheet.wanted, log=context.log)
        files = [sheet.kept(one, str(number)) for number, one in enumerate(covered(drawn, unfit))]
        checked = time.perf_counter() - began - inferred
        context.progress(1)
        return sheet.output(
            files, {"inference": round(inferred, 4), "safety_and_files": round(checked, 4)}, unfit
        )

    def understood(self, asked: Wish, _context: Context) -> Wish:
        """What is drawn for it, where that is not what the caller said word by word."""
        return asked

    def close(self) -> None:
        self.easel.close()


class _Sheet:
    """The pictures of one job, and the news of them."""

    def __init__(
        self,
        job_input: Any,
        asked: Wish,
        context: Context,
        count: int,
        gives: type[BaseModel],
        safety: Safety,
    ) -> None:
        self.asked, self.context, self.count, self.gives = asked, context, count, gives
        self.safety = safety
        self.wanted = bool(getattr(job_input, "enable_safety_checker", False))
        self.suffix: str = getattr(job_input, "output_format", None) or "png"
        self.prompt = asked.prompt
        self.done = [0.0] * count
        self.looked = 0

    def sketch(self, number: int, loras: Any) -> Sketch:
        asked = self.asked
        return Sketch(
            way=asked.way,
            prompt=asked.prompt,
            negative=asked.negative,
            words=asked.words,
            steps=asked.steps,
            seed=asked.seed + number,
            loras=loras,
            acceleration=asked.acceleration,
            spare=self.context.low_memory,
            on_step=lambda step, total, look: self.stepped(number, step, total, look),
        )

    def stepped(
        self, number: int, step: int, total: int, look: Callable[[], Picture] | None
    ) -> None:
        """Raises Cancelled. A follower is shown a part of the steps: each look takes time."""
        self.done[number] = step / total
        every = max(1, total // MOST_LOOKS)
        if look is not None and self.context.streaming and step < total and step % every == 0:
            self.looked += 1
            shown = self.safety.shown(look(), asked=self.wanted)
            seen = self.kept(shown, f"{number}-{step}")
            self.context.partial(self.output([seen], {}, None))
        self.context.progress(min(0.99, sum(self.done) / self.count), f"step {step} of {total}")

    def kept(self, picture: Picture, name: str) -> Image:
        path = self.context.folder / f"{name}.{self.suffix}"
        picture.save(path, quality=_QUALITY, compress_level=_PNG_LEVEL)  # each takes its own
        width, height = picture.size
        kind = f"image/{self.suffix}"
        return Image.at(path, width=width, height=height, content_type=kind)

    def output(
        self, files: list[Image], timings: dict[str, float], unfit: list[bool] | None
    ) -> BaseModel:
        """In the words of the endpoint's contract, whichever of these it has."""
        return self.gives.model_validate(
            {
                "images": files,
                "image": files[0],
                "data": files,
                "seed": self.asked.seed,
                "timings": timings,
                "has_nsfw_concepts": unfit,
                "prompt": self.prompt,
            },
            from_attributes=True,
        )


def _as_asked(picture: Picture, asked: Wish) -> Picture:
    """Some models draw a megapixel whatever they are told (HiDream): less is made of it, not more."""
    width, height = asked.size
    if picture.size == asked.size or picture.width < width or picture.height < height:
        return picture
    return picture.resize(asked.size)


def heed(context: Context) -> None:
    """Raises Cancelled."""
    if context.cancelled:
        context.progress(0)  # raises Cancelled


def _patient() -> None:
    """Nobody cancels a warm-up."""


def opener(context: Context) -> Opened:
    def opened(url: str, field: Field, mode: Mode) -> Picture:
        return pictures.picture(context.input_file(url), field, mode=mode)

    return opened


def _nothing(way: Way) -> Sketch:
    from PIL import Image as Pictures

    words: dict[str, Any] = {"width": _WARM_UP_SIDE, "height": _WARM_UP_SIDE}
    blank = Pictures.new("RGB", (_WARM_UP_SIDE, _WARM_UP_SIDE))
    words |= {name: blank for name in (way.image_as, way.reference_as) if name}
    if way.several_as:
        words[way.several_as] = [blank]
    if way.mask_as:
        words[way.mask_as] = blank.convert("L")
    if way.own_area:
        words["max_area"] = _WARM_UP_SIDE**2
    if way.guidance is not None:
        words[way.guidance_as] = way.guidance
    if way.strength is not None:
        words["strength"] = 1.0
    return Sketch(
        way=way, prompt="", negative=" " if way.negative else None, words=words, steps=1, seed=0,
        on_step=lambda _step, _total, _look: None,
    )  # fmt: skip
