"""The tiny parts of a model in LTX-Video's shape: tokenizer, text encoder, autoencoder, transformer."""

from pathlib import Path

import torch
from diffusers import (
    AutoencoderKLLTXVideo,
    FlowMatchEulerDiscreteScheduler,
    LTXPipeline,
    LTXVideoTransformer3DModel,
)
from transformers import T5Config, T5EncoderModel, T5TokenizerFast

from training.shapes_video.clips import COLOUR_NAMES, WORDS

CHANNELS = 32
"""Of the latents: 9 frames of 64 x 64 pixels become 3 of 4 x 4."""
LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.,!?-'"


def tokenizer() -> T5TokenizerFast:
    """Whole words, else letters; "blue background" is one token, so that a small encoder soon
    knows which colour belongs to what."""
    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", -10.0), ("\u2581", -3.0)]
    pieces += [(f"\u2581{word}", -1.0) for word in WORDS] + [(letter, -6.0) for letter in LETTERS]
    made = T5TokenizerFast(vocab=pieces, extra_ids=0, model_max_length=128)
    made.add_tokens([f"{colour} background" for colour in COLOUR_NAMES])
    return made


def text_encoder(words: int) -> T5EncoderModel:
    """Untrained."""
    return T5EncoderModel(
        T5Config(
            vocab_size=words,
            d_model=128,
            d_kv=32,
            d_ff=256,
            num_layers=2,
            num_heads=4,
            relative_attention_num_buckets=16,
            dropout_rate=0.0,
            feed_forward_proj="gated-gelu",
        )
    )


def autoencoder() -> AutoencoderKLLTXVideo:
    """Untrained, its latents nearly without noise: else the decoder never learns to hear them."""
    made = AutoencoderKLLTXVideo(
        latent_channels=CHANNELS,
        patch_size=4,
        patch_size_t=1,
        block_out_channels=(32, 64),
        layers_per_block=(1, 1, 1),
        spatio_temporal_scaling=(True, True),
        down_block_types=("LTXVideoDownBlock3D",) * 2,
        downsample_type=("conv",) * 2,
        decoder_block_out_channels=(48, 96),
        decoder_layers_per_block=(1, 1, 0),
        decoder_spatio_temporal_scaling=(True, True),
        decoder_inject_noise=(False,) * 3,
        upsample_residual=(True,) * 2,
        upsample_factor=(2,) * 2,
        timestep_conditioning=False,
        encoder_causal=True,
        decoder_causal=False,
    )
    with torch.no_grad():
        made.encoder.conv_out.conv.bias[-1] = -5.0
    return made


def transformer() -> LTXVideoTransformer3DModel:
    """Untrained."""
    return LTXVideoTransformer3DModel(
        in_channels=CHANNELS,
        out_channels=CHANNELS,
        num_attention_heads=5,
        attention_head_dim=32,
        cross_attention_dim=160,
        num_layers=6,
        caption_channels=128,
    )


def write(
    folder: Path,
    vae: AutoencoderKLLTXVideo,
    encoder: T5EncoderModel,
    net: LTXVideoTransformer3DModel,
) -> None:
    """As any diffusers pipeline, in bfloat16."""
    pipe = LTXPipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(),
        vae=vae,
        text_encoder=encoder,
        tokenizer=tokenizer(),
        transformer=net,
    )
    pipe.to(torch.bfloat16).save_pretrained(folder)
