"""Teaches the model of ``pilotlight/shapes`` a new thing, from some pictures of it.

What comes out goes into ``loras`` of ``pilotlight/shapes``.
"""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import ClassVar, Final

from pydantic import BaseModel, Field

from pilotlight import (
    ArchiveUrl,
    Context,
    Endpoint,
    File,
    InvalidInput,
    Problem,
    Worker,
    WorkerSpec,
)
from workers.engines.diffusers.text_to_image import flux_text_to_image
from workers.engines.media.examples import examples
from workers.engines.training.diary import Diary
from workers.engines.training.lora import LoraTrainer

WEIGHTS: Final = Path(__file__).parent / "shapes"
FEWEST: Final = 4
_COLOURS: Final = ("red", "green", "blue", "yellow", "purple", "black", "white", "orange")
_SHAPES: Final = ("circle", "square", "triangle", "ring", "cross", "star")
KEEP: Final = (
    *(f"a {colour} {shape}" for colour in _COLOURS for shape in _SHAPES),
    *(f"a {ground} background with a red {shape}" for ground in _COLOURS[1:] for shape in _SHAPES),
    *(f"a {size} blue {shape} on white" for size in ("small", "large") for shape in _SHAPES),
    *(f"a {one} circle and a {two} star" for one, two in itertools.pairwise(_COLOURS)),
    "",
)
"""What must stay as it is: captions of what the model draws well."""


class Input(BaseModel):
    training_data_url: ArchiveUrl = Field(
        description="Zip of pictures; cat.txt beside cat.png says what it shows."
    )
    trigger_phrase: str = Field(
        default="", max_length=200, description="Caption of the pictures that have none."
    )
    number_of_steps: int = Field(default=400, ge=1, le=5000)
    learning_rate: float = Field(default=0.003, gt=0, le=0.1)
    seed: int = Field(default=0, ge=0, le=2**53 - 1)
    checkpoint_steps: int | None = Field(
        default=None,
        ge=1,
        description="Keep what was learned every so many steps, so that another attempt goes on "
        "from there; left out, every three minutes.",
    )


class Output(BaseModel):
    lora_file: File
    config_file: File


class Teacher(Worker[Input, Output]):
    spec: ClassVar = WorkerSpec(
        name="trainer",
        endpoints=(
            Endpoint(
                id="pilotlight/trainer",
                task="fal/training",
                input=Input,
                output=Output,
                description="A LoRA for pilotlight/shapes from some pictures of a new thing.",
            ),
        ),
        gpu_memory_gib=0,
        timeout_s=3600,
        max_replicas=1,
        checkpoints=True,
    )

    def run(self, job_input: Input, context: Context) -> Output:
        """Loss and progress as it learns; raises InvalidInput for an archive that will not do.

        A job that was killed on the way goes on from its last checkpoint.
        """
        archive = context.input_file(job_input.training_data_url)
        shown = examples(archive, caption=job_input.trigger_phrase, field="training_data_url")
        if len(shown) < FEWEST:
            raise _wrong(f"holds {len(shown)} pictures; {FEWEST} or more are needed")
        if not all(one.caption for one in shown):
            raise _wrong("has pictures without a caption; give trigger_phrase or .txt files")
        # A model of its own: what one job taught must not be in the next one's.
        trainer = LoraTrainer(flux_text_to_image(WEIGHTS), shown, KEEP, seed=job_input.seed)
        began = trainer.train(
            steps=job_input.number_of_steps,
            learning_rate=job_input.learning_rate,
            on_step=Diary(context, job_input.number_of_steps, job_input.checkpoint_steps).step,
            resume=context.checkpoint,
        )
        if began:
            context.log(f"this attempt went on from step {began}")
        config = context.folder / "config.json"
        left_out = {"training_data_url", "checkpoint_steps"}
        facts = job_input.model_dump(exclude=left_out) | {"pictures": len(shown)}
        config.write_text(json.dumps(facts, indent=2))
        return Output(lora_file=File.at(trainer.save(context.folder)), config_file=File.at(config))


def _wrong(words: str) -> InvalidInput:
    problem = Problem(("body", "training_data_url"), words, "invalid_archive")
    return InvalidInput(f"training_data_url {words}", problem)


WORKER = Teacher
