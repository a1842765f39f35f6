"""``make bench-gpu``: the engine for diffusers beside the bare pipeline, on a GPU, in one process.

A worker of ``workers.production`` whose weights are at hand (``--model``), or FLUX.1's shape with
random weights: as fast as trained ones, and nobody looks at the pictures. ``--on-processor`` runs the
same with the shapes model, to see that the bench itself works, and asks what the safety checker costs
the film starters; its figures say nothing of a GPU.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import unquote, urlsplit

from PIL import Image

from pilotlight.catalogue import discover
from pilotlight.contracts.stages import listening
from tests.workers.shelf import Desk
from workers.engines.diffusers.contracts import spec, task
from workers.engines.diffusers.declared import Diffused, Limits, Way
from workers.engines.diffusers.pictures import Painting
from workers.engines.diffusers.wishes import wish
from workers.engines.sight.safety import Safety
from workers.shapes import SIDE, WEIGHTS

if TYPE_CHECKING:
    from collections.abc import Callable

NO_GPU = "bench-gpu was not run: there is no CUDA device here (torch.cuda.is_available() is False)."
AT_ONCE = 4
HOLD_OVERHEAD = 0.03
OUTPUT = Path("build") / "bench-gpu.json"
RANDOM_LAYERS = {"num_layers": 5, "num_single_layers": 10}
"""Of FLUX.1's 19 and 38: 3.3 billion weights, six GiB on disk."""
PROMPT = "a red circle on a white background"


class Stages:
    """Seconds by stage of a load."""

    def __init__(self) -> None:
        self.took: dict[str, float] = {}
        self._open: list[tuple[str, float]] = []

    def enter(self, name: str) -> None:
        self._open.append((name, time.perf_counter()))

    def leave(self) -> None:
        name, began = self._open.pop()
        self.took[name] = self.took.get(name, 0) + time.perf_counter() - began

    def progress(self, fraction: float) -> None:
        """Nobody waits for it here."""


def shapes_worker() -> type[Painting]:
    model = Diffused(
        repo=str(WEIGHTS), licence="Apache-2.0", pipeline="FluxPipeline", gpu_memory_gib=0,
        batch=Limits(cost=1.0, megapixels=0.05), jobs=AT_ONCE,
    )  # fmt: skip
    way = Way(
        pipeline="FluxPipeline", steps=8, guidance=3.0, guidance_as="true_cfg_scale",
        negative=True, size=(SIDE, SIDE),
        more={"prompt_2": " ", "max_sequence_length": 8, "guidance_scale": 0.0},
    )  # fmt: skip
    return _worker("bench-shapes", model, way)


def random_worker(folder: Path) -> type[Painting]:
    """Built on the GPU and saved, so that the load is a real one."""
    import torch
    from diffusers import (
        AutoencoderKL,
        FlowMatchEulerDiscreteScheduler,
        FluxPipeline,
        FluxTransformer2DModel,
    )

    from tests.workers.twins import clip_reader, t5_reader

    tokenizer, reader = clip_reader()
    tokenizer_2, reader_2 = t5_reader()
    torch.manual_seed(0)
    with torch.device("cuda"):
        torch.set_default_dtype(torch.bfloat16)
        transformer = FluxTransformer2DModel(
            joint_attention_dim=32, pooled_projection_dim=32, **RANDOM_LAYERS
        )
        coder = AutoencoderKL(
            block_out_channels=(128, 256, 512, 512), layers_per_block=2, latent_channels=16,
            down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4,
            use_quant_conv=False, use_post_quant_conv=False, shift_factor=0.1,
        )  # fmt: skip
        torch.set_default_dtype(torch.float32)
    FluxPipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(), vae=coder, text_encoder=reader,
        tokenizer=tokenizer, text_encoder_2=reader_2, tokenizer_2=tokenizer_2,
        transformer=transformer,
    ).save_pretrained(folder)  # fmt: skip
    del transformer, coder
    torch.cuda.empty_cache()
    model = Diffused(
        repo=str(folder), licence="none", pipeline="FluxPipeline", gpu_memory_gib=16,
        batch=Limits(cost=34, megapixels=4.3), jobs=AT_ONCE,
    )  # fmt: skip
    way = Way(pipeline="FluxPipeline", steps=8, guidance=None,
              more={"guidance_scale": 0.0, "max_sequence_length": 256})  # fmt: skip
    return _worker("bench-random", model, way)


def _worker(name: str, model: Diffused, way: Way) -> type[Painting]:
    serves = (task(name, "fal/text-to-image", way),)
    body: dict[str, Any] = {"model": model, "serves": serves, "spec": spec(name, model, serves)}
    return type("Benched", (Painting,), body)


class Bench:
    """A loaded worker, and how long its ways to draw take."""

    passes: ClassVar = 5

    def __init__(self, worker: Painting, folder: Path) -> None:
        self.worker, self.folder = worker, folder
        self.serves = worker.serves[0]

    def job(self, number: int, **fields: Any) -> tuple[Any, Desk]:
        takes = self.serves.endpoint.input
        folder = Path(tempfile.mkdtemp(dir=self.folder))
        desk = Desk(folder, self.serves.endpoint.id, files=fields.pop("files", None))
        given = {"prompt": PROMPT, "seed": number, "enable_safety_checker": False, **fields}
        return takes.model_validate(given), desk

    def bare_s(self) -> float:
        """The pipeline alone, called as the engine calls it, with a callback that does nothing."""
        import torch

        asked = wish(self.job(1)[0], self.worker.model, self.serves.way, None, _no_files)
        pipe = self.worker.easel.pipes.of(asked.way)
        negative = {} if asked.negative is None else {"negative_prompt": asked.negative}

        def call() -> None:
            pipe(
                prompt=asked.prompt, **negative, **asked.way.more, **asked.words,
                num_inference_steps=asked.steps, generator=torch.Generator("cpu").manual_seed(1),
                callback_on_step_end=lambda *_: {},
            )  # fmt: skip

        if self.worker.easel.pipes.device == "cpu":
            torch.set_num_threads(1)  # as in the engine's own thread
        return self._median(call)

    def run_s(self, **fields: Any) -> float:
        return self._median(lambda: self.worker.run(*self.job(1, **fields)))

    def safety_s(self) -> float:
        """What it takes to look at one picture of this size before it is returned."""
        (image,) = self.worker.run(*self.job(1)).images
        with Image.open(unquote(urlsplit(image.url).path)) as opened:
            picture = opened.convert("RGB")
        safety = Safety()
        return self._median(lambda: safety.unfit([picture], asked=True, log=print))

    def together_s(self) -> float:
        """So many jobs at once, as slots run them."""

        def all_at_once() -> None:
            jobs = [self.job(number) for number in range(AT_ONCE)]
            threads = [threading.Thread(target=self.worker.run, args=one) for one in jobs]
            for one in threads:
                one.start()
            for one in threads:
                one.join()

        return self._median(all_at_once)

    def swaps_s(self) -> dict[str, float]:
        """What an adaptation adds to a job: when it first comes, and when it is known."""
        from workers.engines.diffusers.adaptations import Wanted

        files = [_adaptation(self.worker.easel.pipes.base, self.folder / f"{n}") for n in (1, 2)]
        adaptations = self.worker.easel.pipes.adaptations
        took: dict[str, list[float]] = {"first": [], "known": []}
        for name in ("first", "known", "known"):
            for number, path in enumerate(files):
                began = time.perf_counter()
                with adaptations.added([Wanted(path, 1.0, ("loras", number))]):
                    took[name].append(time.perf_counter() - began)
        return {f"lora_{name}_s": statistics.median(some) for name, some in took.items()}

    def _median(self, call: Callable[[], object]) -> float:
        call()
        times = []
        for _ in range(self.passes):
            began = time.perf_counter()
            call()
            times.append(time.perf_counter() - began)
        return statistics.median(times)


def _no_files(_url: str, _field: str, _mode: str) -> Any:
    raise AssertionError("this job has no files")


def _adaptation(pipe: Any, folder: Path) -> Path:
    """Random, of rank 16, on the attention of the transformer; the model stays as it was."""
    from diffusers.utils import convert_state_dict_to_diffusers
    from peft import LoraConfig
    from peft.utils import get_peft_model_state_dict
    from safetensors.torch import save_file

    config = LoraConfig(r=16, target_modules=["to_q", "to_k", "to_v"], init_lora_weights=False)
    pipe.transformer.add_adapter(config, adapter_name="made")
    made = get_peft_model_state_dict(pipe.transformer, adapter_name="made")
    layers = {f"transformer.{name}": value.cpu().contiguous() for name, value in
              convert_state_dict_to_diffusers(made).items()}  # fmt: skip
    pipe.transformer.delete_adapters("made")
    folder.mkdir()
    save_file(layers, folder / "lora.safetensors")
    return folder / "lora.safetensors"


def measured(kind: type[Painting], folder: Path) -> dict[str, Any]:
    stages, began = Stages(), time.perf_counter()
    token = listening.set(stages)
    worker = kind()
    worker.load()
    listening.reset(token)
    cold = {"load_s": time.perf_counter() - began}
    cold |= {f"load_{name}_s": took for name, took in stages.took.items()}
    bench = Bench(worker, folder)
    bare, engine = bench.bare_s(), bench.run_s()
    checked, at_once = bench.safety_s(), bench.together_s()
    figures = {
        **cold,
        "bare_s": bare,
        "engine_s": engine,
        "engine_overhead": engine / bare - 1,
        "safety_s": checked,
        "safety_share": checked / engine,
        "together_s": at_once,
        "batching_gain": AT_ONCE * engine / at_once,
        **bench.swaps_s(),
    }
    worker.close()
    return {name: round(value, 4) for name, value in figures.items()}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.gpu", description=__doc__)
    parser.add_argument("--model", default="", help="a picture worker of workers.production")
    parser.add_argument("--passes", type=int, default=5)
    parser.add_argument("--on-processor", action="store_true")
    parser.add_argument("--output", type=Path, default=OUTPUT)
    asked = parser.parse_args()
    import torch

    if not torch.cuda.is_available() and not asked.on_processor:
        sys.stdout.write(f"{NO_GPU}\n")
        return 0
    Bench.passes = asked.passes
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        kind: Any = (
            discover(["workers.production"]).workers[asked.model] if asked.model
            else shapes_worker() if asked.on_processor
            else random_worker(folder / "random")
        )  # fmt: skip
        figures = measured(kind, folder)
        if asked.on_processor:
            from tests.bench import film_safety

            figures |= film_safety.shares(folder, asked.passes)
    device = "processor" if not torch.cuda.is_available() else torch.cuda.get_device_name()
    figures = {"device": device, "model": kind.spec.name, **figures}
    asked.output.parent.mkdir(parents=True, exist_ok=True)
    asked.output.write_text(json.dumps(figures, indent=2) + "\n")
    for name, value in figures.items():
        sys.stdout.write(f"{name:20} {value}\n")
    held = figures["engine_overhead"] <= HOLD_OVERHEAD
    return 0 if held or asked.on_processor else 2


if __name__ == "__main__":
    sys.exit(main())
