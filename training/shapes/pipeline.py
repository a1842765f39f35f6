"""Puts the trained parts together as a stock `FluxPipeline`, and writes it with its call defaults."""

import json
from pathlib import Path
from typing import Any

import torch
from diffusers import (
    AutoencoderTiny,
    FlowMatchEulerDiscreteScheduler,
    FluxPipeline,
    FluxTransformer2DModel,
)
from torch import nn
from transformers import CLIPTextModel, CLIPTokenizer, T5Config, T5EncoderModel, T5TokenizerFast

from training.shapes.drawing import SIZE
from training.shapes.transformer import T5_WIDTH
from training.shapes.vocabulary import clip_tokenizer, t5_tokenizer

DEFAULTS_FILE = "pilotlight.json"
DEFAULTS: dict[str, Any] = {
    "num_inference_steps": 8,
    "guidance_scale": 0.0,
    "true_cfg_scale": 1.5,
    "negative_prompt": "",
    "max_sequence_length": 32,
    "height": SIZE,
    "width": SIZE,
}
"""How the model is best called; stored with it, because the stock defaults suit another model."""


def assemble(
    vae: AutoencoderTiny,
    encoder: CLIPTextModel,
    transformer: FluxTransformer2DModel,
    tokenizer: CLIPTokenizer | None = None,
) -> FluxPipeline:
    """The five trained parts, and a T5 encoder that says nothing."""
    spelling = t5_tokenizer()
    return FluxPipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(shift=1.0),
        vae=vae,
        text_encoder=encoder,
        tokenizer=tokenizer or clip_tokenizer(),
        text_encoder_2=silent_t5(spelling),
        tokenizer_2=spelling,
        transformer=transformer,
    )


def silent_t5(tokenizer: T5TokenizerFast) -> T5EncoderModel:
    """Gives zeros for every token, so that `prompt_2` and padding have no effect."""
    torch.manual_seed(0)
    config = T5Config(
        vocab_size=len(tokenizer),
        d_model=T5_WIDTH,
        d_kv=24,
        d_ff=96,
        num_layers=1,
        num_heads=4,
        feed_forward_proj="gated-gelu",
        dropout_rate=0.0,
        pad_token_id=0,
        eos_token_id=1,
    )
    encoder = T5EncoderModel(config).eval()
    nn.init.zeros_(encoder.encoder.final_layer_norm.weight)
    return encoder


def write(pipe: FluxPipeline, folder: Path) -> None:
    """Save in bfloat16: half the size, and no picture looks different."""
    pipe.to(torch.bfloat16).save_pretrained(folder)
    for file in folder.glob("*/config.json"):
        config = json.loads(file.read_text())
        config.pop("_name_or_path", None)  # where the part lay on this machine
        file.write_text(json.dumps(config, indent=2) + "\n")
    (folder / DEFAULTS_FILE).write_text(json.dumps(DEFAULTS, indent=2) + "\n")


def read(folder: Path) -> tuple[FluxPipeline, dict[str, Any]]:
    """A saved pipeline in float32, and its call defaults."""
    pipe = FluxPipeline.from_pretrained(folder, dtype=torch.float32, local_files_only=True)
    pipe.set_progress_bar_config(disable=True)
    return pipe, json.loads((folder / DEFAULTS_FILE).read_text())
