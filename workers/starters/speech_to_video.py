"""A drawn face that speaks a recording: its mouth opens as the speech does, on the processor alone.

Drawn faces only, and only how far the mouth is open: no lips for this sound or that, no head that
moves. ``training/talking`` makes the model and says what it is good for.
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final

from pydantic import BaseModel, Field

from pilotlight import (
    AudioUrl,
    Context,
    Endpoint,
    ImageUrl,
    InvalidInput,
    Problem,
    Worker,
    WorkerSpec,
)
from pilotlight.contracts.endpoints.shapes import VideoFile
from workers.engines.media import pictures, sounds
from workers.engines.sight.safety import Safety, covered
from workers.engines.video import files as video_files
from workers.engines.video import hearing
from workers.engines.video.sound import Soundtrack
from workers.engines.video.talking_face import talker

if TYPE_CHECKING:
    from collections.abc import Iterator

    from PIL.Image import Image

WEIGHTS: Final = Path(__file__).parent / "talking" / "talking.safetensors"
MOST_PIXELS_ALONG: Final = 512
"""Of a film's longer side; a larger picture is made smaller."""
LONGEST_S: Final = 120.0


class Input(BaseModel):
    image_url: ImageUrl = Field(
        description="A drawn face, seen from the front, that fills most of the picture."
    )
    audio_url: AudioUrl = Field(description=f"What it says, {LONGEST_S:g} seconds at most.")
    prompt: str | None = Field(
        default=None, max_length=2000, description="Not read: the scene is the picture's."
    )
    fps: int = Field(default=25, ge=8, le=60, description="Frames a second.")
    seed: int | None = Field(
        default=None, ge=0, le=2**53 - 1, description="Changes nothing: nothing is left to chance."
    )
    enable_safety_checker: bool = Field(
        default=True, description="Look at the picture first; an unfit one becomes a black film."
    )


class Output(BaseModel):
    video: VideoFile
    duration: float = Field(description="Seconds.")
    seed: int | None = None
    has_nsfw_concepts: list[bool] | None = Field(
        description="One answer for the film; null where it was not looked at."
    )


class Speaking(Worker[Input, Output]):
    spec: ClassVar = WorkerSpec(
        name="speech-to-video",
        endpoints=(
            Endpoint(
                id="pilotlight/speech-to-video",
                task="fal/speech-to-video",
                input=Input,
                output=Output,
                description="A drawn face whose mouth opens as a recording does.",
            ),
        ),
        gpu_memory_gib=0,
        timeout_s=900,
        max_replicas=2,
    )

    def load(self) -> None:
        self.model = talker(WEIGHTS)
        self.safety = Safety()

    def run(self, job_input: Input, context: Context) -> Output:
        """As long as the recording, which is heard with it.

        Raises InvalidInput for a recording that is too long. A cancelled job ends at the next
        frame.
        """
        sound = context.input_file(job_input.audio_url)
        heard = sounds.sound(sound, "audio_url", rate=hearing.RATE)
        if len(heard) > LONGEST_S * hearing.RATE:
            words = f"is longer than {LONGEST_S:g} s"
            problem = Problem(("body", "audio_url"), words, "audio_duration_too_long")
            raise InvalidInput(f"audio_url {words}", problem)
        windows = hearing.windows(heard, rate=job_input.fps)
        source = context.input_file(job_input.image_url)
        picture = _fitted(pictures.picture(source, "image_url", mode="RGB"))
        asked = job_input.enable_safety_checker
        unfit = self.safety.unfit([picture], asked=asked, log=context.log)
        (picture,) = covered([picture], unfit)
        rate = Fraction(job_input.fps)

        def shown() -> Iterator[video_files.Frame]:
            for number, pixels in enumerate(self.model.frames(picture, windows)):
                context.progress(number / (len(windows) + 1), f"frame {number + 1}")
                yield video_files.Frame(pixels, number / rate)

        reel = video_files.Reel(rate=rate, sound=Soundtrack(sound, field="audio_url"))
        video = video_files.write(context.folder / "video.mp4", shown(), reel)
        context.progress(1)
        return Output(
            video=video,
            duration=round(len(heard) / hearing.RATE, 3),
            seed=job_input.seed,
            has_nsfw_concepts=unfit,
        )


def _fitted(picture: Image) -> Image:
    """No larger than the films are."""
    from PIL import Image as Pictures

    side = max(picture.size)
    if side <= MOST_PIXELS_ALONG:
        return picture
    width, height = (max(1, round(one * MOST_PIXELS_ALONG / side)) for one in picture.size)
    return picture.resize((width, height), Pictures.Resampling.LANCZOS)


WORKER = Speaking
