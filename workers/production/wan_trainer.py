"""Adaptations for Wan 2.1, behind fal's three endpoints for it.

What comes out loads into diffusers' ``WanPipeline`` and ``WanImageToVideoPipeline`` of the same
base. A job that is killed, or whose machine is taken away, goes on from its last checkpoint.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Final

from pilotlight import Context, File, InvalidInput, Problem, Worker, WorkerSpec
from pilotlight.contracts import endpoints as public
from pilotlight.contracts.endpoints.shapes import File as PublicFile
from pilotlight.contracts.endpoints.wan_trainer import Train, Trained
from workers.engines.diffusers import loading as diffusers_loading
from workers.engines.diffusers.declared import Diffused
from workers.engines.media.clips import clip
from workers.engines.media.examples import Example, examples
from workers.engines.training.diary import Diary
from workers.engines.training.wan import Clip, WanTrainer

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

FIELD: Final = "training_data_url"
FEWEST: Final = 1
"""fal advises ten; how few teach something is the caller's to find out."""
SEED: Final = 0
"""The contract has none: equal inputs make equal adaptations on one kind of machine."""


@dataclass(frozen=True, slots=True)
class Base:
    """A model to adapt, and how large its films are."""

    model: Diffused
    pixels: int
    """Of one frame: sides keep the example's shape."""
    multiple: int = 16


def _wan(
    repo: str, commit: str, *, pipeline: str = "WanPipeline", gpu_memory_gib: float = 78
) -> Diffused:
    return Diffused(
        repo=f"Wan-AI/{repo}-Diffusers",
        revision=commit,
        licence="Apache-2.0",
        pipeline=pipeline,
        gpu_memory_gib=gpu_memory_gib,
        full_parts=("vae",),
    )


# Sizes: https://github.com/Wan-Video/Wan2.1, SUPPORTED_SIZES; memory reckoned, not measured.
# Commits: as public projects that load them pin them; the last one by one project alone.
BASES: Final = {
    "fal-ai/wan-trainer/t2v": Base(
        _wan("Wan2.1-T2V-1.3B", "0fad780a534b6463e45facd96134c9f345acfa5b", gpu_memory_gib=40),
        832 * 480,
    ),
    "fal-ai/wan-trainer/t2v-14b": Base(
        _wan("Wan2.1-T2V-14B", "38ec498cb3208fb688890f8cc7e94ede2cbd7f68"), 832 * 480
    ),
    "fal-ai/wan-trainer/i2v-720p": Base(
        _wan(
            "Wan2.1-I2V-14B-720P",
            "eb849f76dfa246545b65774a9e25943ee69b3fa3",
            pipeline="WanImageToVideoPipeline",
        ),
        1280 * 720,
    ),
}


class TeachesWan(Worker[Train, Trained]):
    bases: ClassVar[Mapping[str, Base]] = BASES
    spec: ClassVar = WorkerSpec(
        name="wan-trainer",
        endpoints=tuple(public.contract(name) for name in BASES),
        gpu_memory_gib=78,
        timeout_s=24 * 3600,  # 400 steps over 81 frames of 720 lines: eight hours, reckoned
        max_replicas=1,
        checkpoints=True,
        weights={repo: at for base in BASES.values() for repo, at in base.model.weights.items()},
    )

    def run(self, job_input: Train, context: Context) -> Trained:
        """Loss and progress as it learns; raises InvalidInput for an archive that will not do."""
        base = self.bases[context.endpoint]
        shown = self._shown(job_input, context)
        # A model of its own: what one job taught must not be in the next one's.
        trainer = WanTrainer(diffusers_loading.load(base.model), SEED, context.low_memory)
        began = trainer.train(
            _clips(shown, job_input, _spared(base, context), context),
            steps=job_input.number_of_steps,
            learning_rate=job_input.learning_rate,
            on_step=Diary(context, job_input.number_of_steps).step,
            resume=context.checkpoint,
        )
        if began:
            context.log(f"this attempt went on from step {began}")
        config = context.folder / "config.json"
        facts = job_input.model_dump(exclude={FIELD}) | {"examples": len(shown)}
        config.write_text(json.dumps(facts | {"base": base.model.repo}, indent=2))
        return Trained(lora_file=_file(trainer.save(context.folder)), config_file=_file(config))

    def _shown(self, job_input: Train, context: Context) -> list[Example]:
        shown = examples(
            context.input_file(job_input.training_data_url),
            caption=job_input.trigger_phrase,
            field=FIELD,
            films=context.folder / "films",
        )
        if len(shown) < FEWEST:
            words = "holds no picture and no film"
            raise InvalidInput(
                f"{FIELD} {words}", Problem(("body", FIELD), words, "invalid_archive")
            )
        return shown


def _spared(base: Base, context: Context) -> Base:
    """Where memory ran out: what a step holds is as much as there are pixels, and nothing else of
    a training can be had for less."""
    if not context.low_memory:
        return base
    context.log(f"memory is short: trains on {base.pixels // 2} pixels a frame, not {base.pixels}")
    return replace(base, pixels=base.pixels // 2)


def _clips(shown: Sequence[Example], asked: Train, base: Base, context: Context) -> Iterator[Clip]:
    """One at a time, since they are large. A cancelled job ends at the next one."""
    for number, one in enumerate(shown, start=1):
        context.progress(0, f"reading example {number} of {len(shown)}")
        yield clip(one, pixels=base.pixels, multiple=base.multiple,
                   scaled=asked.auto_scale_input, field=FIELD)  # fmt: skip


def _file(path: Path) -> PublicFile:
    return PublicFile.model_validate(File.at(path))


WORKER = TeachesWan
