"""`python -m training.shapes_video.score MODEL`: image to video, held-out combinations."""

import argparse
import time
from pathlib import Path
from random import Random

import torch
from PIL import Image
from torch import Tensor

from training.shapes_video.clips import HELD_OUT, MOTIONS, Scene, caption, clips, scenes
from training.shapes_video.reading import read
from workers.engines.diffusers.image_to_video import LtxImageToVideo, ltx_image_to_video


def questions(count: int) -> list[Scene]:
    """Never trained on; every motion equally often."""
    held = scenes()[:HELD_OUT]
    by_motion = [[one for one in held if one.motion == k] for k in range(len(MOTIONS))]
    return [by_motion[k % len(MOTIONS)][k // len(MOTIONS)] for k in range(count)]


def film(model: LtxImageToVideo, scene: Scene, first: Tensor, seed: int) -> Tensor:
    """(3, frames, side, side), -1 to 1, from the first frame of a drawn clip."""
    pixels = ((first.clamp(-1, 1) + 1) * 127.5).round().byte().permute(1, 2, 0).numpy()
    made = model.film(
        caption(scene),
        Image.fromarray(pixels),
        seed=seed,
        steps=model.defaults["num_inference_steps"],
        guidance=model.defaults["guidance_scale"],
        on_step=lambda _step: None,
    )
    return torch.from_numpy(made).permute(3, 0, 1, 2).float() / 127.5 - 1


def marks(wanted: list[Scene], seen: list[Scene | None]) -> dict[str, int]:
    """How many are right in each respect, and in all."""
    pairs = [(want, got) for want, got in zip(wanted, seen, strict=True) if got is not None]
    right = {
        name: sum(want[k] == got[k] for want, got in pairs) for k, name in enumerate(Scene._fields)
    }
    return right | {"all": sum(want == got for want, got in pairs)}


def report(folder: Path, count: int = 50) -> str:
    """The table as text."""
    wanted = questions(count)
    drawn = clips(Random(5), wanted)
    model = ltx_image_to_video(folder)
    began = time.perf_counter()
    made = [film(model, one, drawn[k, :, 0], k) for k, one in enumerate(wanted)]
    seconds = (time.perf_counter() - began) / count
    right = marks(wanted, [read(clip) for clip in made])
    truth = marks(wanted, [read(clip) for clip in drawn])
    kept = torch.stack([(a[:, 0] - b[:, 0]).abs().mean() for a, b in zip(made, drawn, strict=True)])
    lines = [f"{name:12}{right[name]:4} of {count}  (drawn: {truth[name]})" for name in right]
    away = f"first frame: {kept.mean() * 127.5:.1f} of 255 from the picture given"
    return "\n".join([*lines, away, f"{seconds:.2f} s a clip"])


def main() -> None:
    """Read the command line, score, print."""
    parser = argparse.ArgumentParser(prog="python -m training.shapes_video.score")
    parser.add_argument("model", type=Path)
    parser.add_argument("--clips", type=int, default=50)
    args = parser.parse_args()
    print(report(args.model, args.clips))


if __name__ == "__main__":
    main()
