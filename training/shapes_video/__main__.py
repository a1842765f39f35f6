"""`python -m training.shapes_video --out DIR`: make the model from nothing, then score it."""

import argparse
import json
import logging
from pathlib import Path

import torch
from diffusers import AutoencoderKLLTXVideo

from training.shapes_video import autoencoder, decoder, flow, parts
from training.shapes_video.clips import FRAMES, RATE, SIDE
from training.shapes_video.score import report
from workers.engines.diffusers.image_to_video import ltx_image_to_video

CALL = {
    "width": SIDE,
    "height": SIDE,
    "num_frames": FRAMES,
    "frame_rate": RATE,
    "num_inference_steps": 16,
    "guidance_scale": 4.0,
}
"""How it is best called: diffusers' own defaults do not work with it."""
STEPS = (2500, 2500, 8000, 1200, 2240)
"""Of the autoencoder and of the flow; clips in its pool; of the decoder, and in its."""
QUICK = (4, 4, 64, 4, 32)
"""Far too short to show anything; proves that the recipe runs."""


def main() -> None:
    """Read the command line, train what is missing, write, score."""
    parser = argparse.ArgumentParser(prog="python -m training.shapes_video", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="a kept autoencoder is reused")
    parser.add_argument("--quick", action="store_true", help="a few steps of everything")
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.set_num_threads(1)  # one core, and the same sums in the same order everywhere
    encoding, flowing, pool, sharpening, films = QUICK if args.quick else STEPS
    kept = args.out / "stages" / "autoencoder"
    if not kept.exists():
        autoencoder.train(steps=encoding).save_pretrained(kept)
    vae = AutoencoderKLLTXVideo.from_pretrained(kept).eval().requires_grad_(False)
    parts.write(args.out, vae, *flow.train(vae, steps=flowing, pool=pool))
    (args.out / "pilotlight.json").write_text(json.dumps(CALL, indent=2) + "\n")
    pipe = ltx_image_to_video(args.out).pipe
    sharper = decoder.sharpen(pipe, CALL, steps=sharpening, pool=films)
    sharper.to(torch.bfloat16).save_pretrained(args.out / "vae")
    print(report(args.out, 7 if args.quick else 50))


if __name__ == "__main__":
    main()
