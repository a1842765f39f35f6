"""What ``enable_safety_checker`` adds to the starters that draw and film: processor time of it in one run.

Processor time and not seconds by the clock: others' load cancels out of neither figure that way.
"""

from __future__ import annotations

import statistics
import time
import wave
from random import Random
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from demo.gallery import drawings
from tests.workers.shelf import Desk
from training.talking.voices import voice
from workers import shapes
from workers.engines.sight.safety import Safety
from workers.engines.video import hearing
from workers.starters import image_to_video, speech_to_video, text_to_video

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PICTURE, SOUND = "https://example.org/in.png", "https://example.org/in.wav"
SPOKEN_S: Final = 3
ASKED: Final[tuple[tuple[Any, dict[str, Any]], ...]] = (
    (shapes.WORKER, {"prompt": "a red circle on a white background", "seed": 1}),
    (text_to_video.WORKER, {"prompt": "a green square growing on an orange background", "seed": 1}),
    (
        image_to_video.WORKER,
        {
            "prompt": "a red circle moving right on a blue background",
            "image_url": PICTURE,
            "seed": 1,
        },
    ),
    (speech_to_video.WORKER, {"image_url": PICTURE, "audio_url": SOUND}),
)


class Clocked(Safety):
    """The same judge, with the processor time that it takes."""

    took_s = 0.0

    def unfit(self, *pictures: Any, **how: Any) -> list[bool] | None:
        began = time.process_time()
        found = super().unfit(*pictures, **how)
        self.took_s += time.process_time() - began
        return found

    def unfit_film(self, *frames: Any, **how: Any) -> list[bool] | None:
        before, began = self.took_s, time.process_time()
        found = super().unfit_film(*frames, **how)
        self.took_s = before + time.process_time() - began
        return found


def shares(folder: Path, passes: int) -> dict[str, float]:
    """By starter, the median share of a run's processor time that went into looking."""
    return {
        f"safety_share_of_{kind.spec.name}": round(_share(kind, asked, folder, passes), 4)
        for kind, asked in ASKED
    }


def _share(kind: Any, asked: dict[str, Any], folder: Path, passes: int) -> float:
    worker = kind()
    worker.load()
    worker.safety = safety = Clocked()
    endpoint = worker.spec.endpoints[0]
    files = _files(folder)

    def run() -> float:
        place = folder / f"{worker.spec.name}-{time.perf_counter_ns()}"
        place.mkdir()
        given = endpoint.input.model_validate(asked)
        before, began = safety.took_s, time.process_time()
        worker.run(given, Desk(place, endpoint.id, files=files))
        return (safety.took_s - before) / (time.process_time() - began)

    return _median(run, passes)


def _median(call: Callable[[], float], passes: int) -> float:
    call()  # which loads the judge
    return statistics.median(call() for _ in range(passes))


def _files(folder: Path) -> dict[str, Path]:
    picture, sound = folder / "in.png", folder / "in.wav"
    picture.write_bytes(drawings.face())
    with wave.open(str(sound), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(hearing.RATE)
        said = voice(Random(99), SPOKEN_S) * 32_000
        file.writeframes(said.clip(-32_767, 32_767).astype(np.int16).tobytes())
    return {PICTURE: picture, SOUND: sound}
