"""Workers that are a film model behind diffusers and nothing else."""

from __future__ import annotations

import time
from contextlib import ExitStack
from fractions import Fraction
from typing import TYPE_CHECKING, Any, ClassVar, Final

from pilotlight import Context, Worker, stage
from workers.engines.diffusers.loading import load
from workers.engines.diffusers.memory import bounded, sparing
from workers.engines.diffusers.pictures import opener
from workers.engines.diffusers.wishes import adaptations, wish
from workers.engines.quiet import quiet
from workers.engines.sight.safety import Safety
from workers.engines.video import files as video_files
from workers.engines.video.sound import Soundtrack

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from workers.engines.diffusers.contracts import Serves
    from workers.engines.diffusers.declared import Diffused
    from workers.engines.diffusers.wishes import Wish

_SEEDS: Final = 2**63
_WARM_UP: Final = {"width": 256, "height": 256}
_ENCODING: Final = 0.05
"""Share of a film's time that is left when the last step is done: decoding and the file."""


class Filming(Worker[Any, Any]):
    """Films from words, or from a picture and words; one at a time."""

    model: ClassVar[Diffused]
    serves: ClassVar[tuple[Serves, ...]]

    def load(self) -> None:
        self.pipes = load(self.model)
        self.safety = Safety()
        with stage("warm_up"):
            self.warm_up()

    def warm_up(self) -> None:
        """One step of a short small film that nobody sees, where that needs no picture."""
        for one in self.serves:
            if not one.way.image_as:
                pipe, way = self.pipes.of(one.way), one.way
                with quiet():
                    pipe(prompt="", num_inference_steps=1, num_frames=1 + way.frames_step,
                         output_type="latent", **{**_WARM_UP, **_scheduled(way.more)})  # fmt: skip
                return

    def park(self) -> bool:
        return self.pipes.park()

    def wake(self) -> None:
        self.pipes.wake()

    def run(self, job_input: Any, context: Context) -> Any:
        """A cancelled job ends at the next step, or at the next frame that is written."""
        serves = next(one for one in self.serves if one.endpoint.id == context.endpoint)
        began = time.perf_counter()
        way = serves.way_for(getattr(job_input, "video_length", None))
        asked = wish(job_input, self.model, way, None, opener(context))
        loras = adaptations(job_input, self.model, context.input_file)
        frames, sound = self._shot(asked, loras, context)
        wanted = bool(getattr(job_input, "enable_safety_checker", False))
        unfit = self.safety.unfit_film(frames, asked=wanted, log=context.log)
        if unfit and unfit[0]:
            frames, sound = frames * 0, None
        context.log(f"shot {len(frames)} frames in {time.perf_counter() - began:.1f} s")
        video = self._kept(frames, sound, job_input, asked, context)
        context.progress(1)
        return serves.endpoint.output.model_validate(
            {"video": video, "seed": asked.seed, "has_nsfw_concepts": unfit}, from_attributes=True
        )

    def _shot(self, asked: Wish, loras: Any, context: Context) -> tuple[NDArray[Any], Any]:
        """Frames (n, height, width, 3), bytes, and the sound where the model makes any."""
        import torch

        if self.pipes.device == "cpu":
            torch.set_num_threads(1)  # counts per calling thread; equal seeds, equal frames
        pipe = self.pipes.of(asked.way)

        def stepped(pipe: Any, step: int, _time: Any, _tensors: dict[str, Any]) -> dict[str, Any]:
            total = int(getattr(pipe, "num_timesteps", 0) or asked.steps)
            share = (step + 1) / total * (1 - _ENCODING)
            context.progress(share, f"step {step + 1} of {total}")
            return {}

        def call() -> Any:
            negative = {} if asked.negative is None else {"negative_prompt": asked.negative}
            return pipe(
                prompt=asked.prompt,
                **negative,
                **asked.way.more,
                **_fitted(asked.words, asked.way.image_as),
                num_inference_steps=asked.steps,
                generator=torch.Generator("cpu").manual_seed(asked.seed % _SEEDS),
                callback_on_step_end=stepped,
                output_type="np",
            )

        with ExitStack() as ways:
            ways.enter_context(quiet())
            if context.low_memory:
                ways.enter_context(self.pipes.parked())
            ways.enter_context(self.pipes.adaptations.added(loras))
            if context.low_memory:
                ways.enter_context(sparing(pipe, self.pipes.device))
            made = bounded(call)
        frames = (made.frames[0] * 255).clip(0, 255).round().astype("uint8")
        return frames, getattr(made, "audio", None)

    def _kept(
        self, frames: NDArray[Any], sound: Any, job_input: Any, asked: Wish, context: Context
    ) -> Any:
        rate = Fraction(getattr(job_input, "fps", None) or asked.way.rate)
        form: video_files.Format = getattr(job_input, "output_format", None) or "mp4"
        track = None
        if sound is not None:
            sampled = int(self.pipes.base.vocoder.config.output_sampling_rate)
            track = Soundtrack(_wave(context.folder / "sound.wav", sound[0], sampled))

        def shown() -> Iterator[video_files.Frame]:
            for number, one in enumerate(frames):
                context.progress(1 - _ENCODING * (1 - number / len(frames)), "writing the film")
                yield video_files.Frame(one, number / rate)

        return video_files.write(
            context.folder / f"video.{form}", shown(),
            video_files.Reel(rate=rate, form=form, sound=track),
        )  # fmt: skip


def _scheduled(more: Any) -> dict[str, Any]:
    """One step, whatever schedule the model has."""
    return {**more, "sigmas": more["sigmas"][:1]} if "sigmas" in more else dict(more)


def _fitted(words: dict[str, Any], image_as: str) -> dict[str, Any]:
    """A first frame of the film's own sides, cut around its middle."""
    if image_as not in words:
        return words
    from PIL import Image as Pictures
    from PIL import ImageOps

    sides = words["width"], words["height"]
    picture = ImageOps.fit(words[image_as], sides, Pictures.Resampling.LANCZOS)
    return {**words, image_as: picture}


def _wave(path: Path, sound: Any, rate: int) -> Path:
    """``sound``: numbers from -1 to 1, (channels, n), or (n,)."""
    import wave

    import numpy as np

    heard = np.atleast_2d(np.asarray(sound.detach().float().cpu()))
    samples = (heard.clip(-1, 1) * 32767).astype("<i2").T
    with wave.open(str(path), "wb") as file:
        file.setnchannels(samples.shape[1])
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(np.ascontiguousarray(samples).tobytes())
    return path
