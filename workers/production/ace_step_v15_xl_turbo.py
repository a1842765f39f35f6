"""ACE-Step 1.5 XL turbo: songs and music, 48,000 samples a second in two channels, in eight steps."""

from __future__ import annotations

from typing import ClassVar, Final

from pilotlight import Endpoint, WorkerSpec
from workers.engines.diffusers.declared import Diffused
from workers.engines.music.composing import Composing
from workers.engines.music.contracts import Compose, Music

NAME: Final = "ace-step-v15-xl-turbo"
# The repository that diffusers' own page on ACE-Step names; its makers ask for a GPU of 20 GB. The
# licence is what they say of ACE-Step 1.5: this repository's own page has not been read.
MODEL: Final = Diffused(
    repo="ACE-Step/acestep-v15-xl-turbo-diffusers",
    revision="200ba991ae448051e14b0183157e35c2d27c9fb0",  # as public projects that load it pin it
    licence="MIT",
    pipeline="AceStepPipeline",
    gpu_memory_gib=20,
    loras=False,
    timeout_s=600,
)


class AceStepV15XlTurbo(Composing):
    model: ClassVar = MODEL
    spec: ClassVar = WorkerSpec(
        name=NAME,
        endpoints=(
            Endpoint(
                id=NAME,
                task="fal/text-to-music",
                input=Compose,
                output=Music,
                description=f"ACE-Step 1.5 XL turbo ({MODEL.licence}).",
            ),
        ),
        gpu_memory_gib=MODEL.gpu_memory_gib,
        timeout_s=MODEL.timeout_s,
        load_timeout_s=MODEL.load_timeout_s,
        keep_alive_s=MODEL.keep_alive_s,
        weights=MODEL.weights,
    )


WORKER = AceStepV15XlTurbo
