"""Tiny pipelines of the real classes with random weights: they draw noise, and show everything else.

Each is built from nothing but its classes, saved once to a folder as its makers would, and read
back by the loader under test. No tokenizer, no config and no weight comes from anywhere else.
"""

from __future__ import annotations

import torch
from diffusers import (
    AutoencoderKL,
    AutoencoderKLFlux2,
    AutoencoderKLHunyuanVideo,
    AutoencoderKLLTX2Audio,
    AutoencoderKLLTX2Video,
    AutoencoderKLQwenImage,
    AutoencoderKLWan,
    FlowMatchEulerDiscreteScheduler,
    Flux2KleinPipeline,
    Flux2Transformer2DModel,
    FluxKontextPipeline,
    FluxPipeline,
    FluxTransformer2DModel,
    HiDreamImagePipeline,
    HiDreamImageTransformer2DModel,
    Kandinsky5T2VPipeline,
    Kandinsky5Transformer3DModel,
    LTX2Pipeline,
    LTX2VideoTransformer3DModel,
    QwenImageEditPlusPipeline,
    QwenImagePipeline,
    QwenImageTransformer2DModel,
    UniPCMultistepScheduler,
    WanPipeline,
    WanTransformer3DModel,
)
from diffusers.pipelines.ltx2 import LTX2TextConnectors, LTX2Vocoder
from tokenizers import pre_tokenizers
from transformers import (
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTextModelWithProjection,
    CLIPTokenizer,
    Gemma3Config,
    Gemma3ForConditionalGeneration,
    LlamaConfig,
    LlamaForCausalLM,
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
    Qwen2Tokenizer,
    Qwen2VLProcessor,
    Qwen3Config,
    Qwen3ForCausalLM,
    T5Config,
    T5EncoderModel,
    T5TokenizerFast,
    UMT5Config,
    UMT5EncoderModel,
)

LETTERS = "abcdefghijklmnopqrstuvwxyz"
WIDE = 16


def clip_reader(length=77, *, projected=False):
    ends = ["<|startoftext|>", "<|endoftext|>"]
    words = [*LETTERS, *(f"{letter}</w>" for letter in LETTERS), *ends]
    tokenizer = CLIPTokenizer(
        vocab={word: place for place, word in enumerate(words)}, merges=[], model_max_length=length
    )
    config = CLIPTextConfig(
        vocab_size=len(tokenizer), hidden_size=2 * WIDE, intermediate_size=32, projection_dim=32,
        num_hidden_layers=2, num_attention_heads=2, max_position_embeddings=length,
        bos_token_id=tokenizer.bos_token_id, eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )  # fmt: skip
    return tokenizer, (CLIPTextModelWithProjection if projected else CLIPTextModel)(config)


def t5_reader(*, many_tongues=False):
    pieces = ["<pad>", "</s>", "<unk>", "▁", *(f"▁{one}" for one in LETTERS), *LETTERS]
    tokenizer = T5TokenizerFast(vocab=[(piece, -float(n)) for n, piece in enumerate(pieces)],
                                extra_ids=0)  # fmt: skip
    sizes = {
        "vocab_size": len(tokenizer), "d_model": 2 * WIDE, "d_kv": 8, "d_ff": 32, "num_layers": 2,
        "num_heads": 2, "feed_forward_proj": "gated-gelu",
    }  # fmt: skip
    model = UMT5EncoderModel(UMT5Config(**sizes)) if many_tongues else T5EncoderModel(
        T5Config(**sizes)
    )  # fmt: skip
    return tokenizer, model


SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>",
           "<|image_pad|>", "<|video_pad|>", "<think>", "</think>"]  # fmt: skip


def qwen_words():
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Qwen2Tokenizer(
        vocab={letter: place for place, letter in enumerate(letters)}, merges=[],
        eos_token="<|im_end|>", pad_token="<|endoftext|>",
    )  # fmt: skip
    tokenizer.add_special_tokens({"additional_special_tokens": SPECIAL})
    tokenizer.chat_template = "{% for m in messages %}{{ m['content'] }}{% endfor %}"
    return tokenizer


def _text_sizes(tokenizer):
    return {
        "vocab_size": len(tokenizer), "hidden_size": WIDE, "intermediate_size": WIDE,
        "num_hidden_layers": 2, "num_attention_heads": 2, "num_key_value_heads": 2,
    }  # fmt: skip


def qwen_reader():
    tokenizer = qwen_words()
    ids = {name: tokenizer.convert_tokens_to_ids(f"<|{name}|>")
           for name in ("vision_start", "vision_end", "image_pad", "video_pad")}  # fmt: skip
    rope = {"mrope_section": [1, 1, 2], "rope_type": "default", "type": "default"}
    config = Qwen2_5_VLConfig(
        text_config={**_text_sizes(tokenizer), "rope_scaling": rope, "rope_theta": 1e6},
        vision_config={
            "depth": 1, "hidden_size": WIDE, "intermediate_size": WIDE, "num_heads": 2,
            "out_hidden_size": WIDE, "patch_size": 14, "spatial_merge_size": 2,
            "temporal_patch_size": 2, "window_size": 112, "fullatt_block_indexes": [0],
        },
        vision_start_token_id=ids["vision_start"], vision_end_token_id=ids["vision_end"],
        image_token_id=ids["image_pad"], video_token_id=ids["video_pad"],
    )  # fmt: skip
    return tokenizer, Qwen2_5_VLForConditionalGeneration(config)


def qwen_eyes(tokenizer):
    """Needs torchvision, though it looks at no film."""
    from transformers import Qwen2VLVideoProcessor
    from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

    return Qwen2VLProcessor(
        image_processor=Qwen2VLImageProcessorPil(min_pixels=28 * 28, max_pixels=4 * 28 * 28),
        tokenizer=tokenizer,
        video_processor=Qwen2VLVideoProcessor(),
        chat_template=tokenizer.chat_template,
    )


def picture_coder(channels, *, halved=3):
    times = halved + 1
    return AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * times, up_block_types=("UpDecoderBlock2D",) * times,
        block_out_channels=(8,) * times, latent_channels=channels, norm_num_groups=4, sample_size=32,
        use_quant_conv=False, use_post_quant_conv=False, shift_factor=0.1, scaling_factor=0.4,
    )  # fmt: skip


def qwen_coder():
    return AutoencoderKLQwenImage(
        base_dim=8, z_dim=4, dim_mult=[1, 2, 2], num_res_blocks=1,
        temperal_downsample=[False, True], latents_mean=[0.0] * 4, latents_std=[1.0] * 4,
    )  # fmt: skip


def _flux(kind, *, guided):
    tokenizer, reader = clip_reader()
    tokenizer_2, reader_2 = t5_reader()
    transformer = FluxTransformer2DModel(
        in_channels=16, num_layers=1, num_single_layers=1, attention_head_dim=16,
        num_attention_heads=2, joint_attention_dim=32, pooled_projection_dim=32,
        axes_dims_rope=(4, 4, 8), guidance_embeds=guided,
    )  # fmt: skip
    return kind(
        scheduler=FlowMatchEulerDiscreteScheduler(), vae=picture_coder(4), text_encoder=reader,
        tokenizer=tokenizer, text_encoder_2=reader_2, tokenizer_2=tokenizer_2,
        transformer=transformer,
    )  # fmt: skip


def flux_schnell():
    return _flux(FluxPipeline, guided=False)


def flux_dev():
    return _flux(FluxPipeline, guided=True)


def flux_kontext():
    return _flux(FluxKontextPipeline, guided=True)


def flux2_klein():
    tokenizer = qwen_words()
    sizes = {**_text_sizes(tokenizer), "num_hidden_layers": 28, "head_dim": 8}
    coder = AutoencoderKLFlux2(
        down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4,
        block_out_channels=(8, 8, 8, 8), layers_per_block=1, latent_channels=2, norm_num_groups=4,
        sample_size=32, use_quant_conv=False, use_post_quant_conv=False,
    )  # fmt: skip
    transformer = Flux2Transformer2DModel(
        in_channels=8, num_layers=1, num_single_layers=1, attention_head_dim=16,
        num_attention_heads=2, joint_attention_dim=3 * WIDE, axes_dims_rope=(4, 4, 4, 4),
        guidance_embeds=False,
    )  # fmt: skip
    return Flux2KleinPipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(), vae=coder, tokenizer=tokenizer,
        text_encoder=Qwen3ForCausalLM(Qwen3Config(**sizes)), transformer=transformer,
        is_distilled=True,
    )  # fmt: skip


def _qwen_drawer():
    return QwenImageTransformer2DModel(
        in_channels=16, out_channels=4, num_layers=1, attention_head_dim=16,
        num_attention_heads=2, joint_attention_dim=WIDE, axes_dims_rope=(8, 4, 4),
    )  # fmt: skip


def qwen_image():
    tokenizer, reader = qwen_reader()
    return QwenImagePipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(), vae=qwen_coder(), text_encoder=reader,
        tokenizer=tokenizer, transformer=_qwen_drawer(),
    )  # fmt: skip


def qwen_image_edit():
    tokenizer, reader = qwen_reader()
    return QwenImageEditPlusPipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(), vae=qwen_coder(), text_encoder=reader,
        tokenizer=tokenizer, processor=qwen_eyes(tokenizer), transformer=_qwen_drawer(),
    )  # fmt: skip


def llama():
    """Its tokenizer and model lie in a repository of their own."""
    tokenizer = qwen_words()
    model = LlamaForCausalLM(LlamaConfig(**_text_sizes(tokenizer)))
    return tokenizer, model


def hidream():
    tokenizer, reader = clip_reader(128, projected=True)
    tokenizer_2, reader_2 = clip_reader(128, projected=True)
    tokenizer_3, reader_3 = t5_reader()
    tokenizer_4, reader_4 = llama()
    transformer = HiDreamImageTransformer2DModel(
        patch_size=2, in_channels=4, out_channels=4, num_layers=1, num_single_layers=1,
        attention_head_dim=8, num_attention_heads=4, caption_channels=[32, WIDE], text_emb_dim=64,
        axes_dims_rope=(4, 2, 2), max_resolution=(32, 32), llama_layers=(0, 1),
    )  # fmt: skip
    return HiDreamImagePipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(), vae=picture_coder(4, halved=1), transformer=transformer,
        text_encoder=reader, tokenizer=tokenizer, text_encoder_2=reader_2, tokenizer_2=tokenizer_2,
        text_encoder_3=reader_3, tokenizer_3=tokenizer_3,
        text_encoder_4=reader_4, tokenizer_4=tokenizer_4,
    )  # fmt: skip


def kandinsky():
    tokenizer, reader = qwen_reader()
    tokenizer_2, reader_2 = clip_reader()
    coder = AutoencoderKLHunyuanVideo(
        latent_channels=4, block_out_channels=(8, 8, 8, 8), layers_per_block=1, norm_num_groups=4
    )
    return Kandinsky5T2VPipeline(
        transformer=kandinsky_drawer(), vae=coder, text_encoder=reader,
        tokenizer=qwen_eyes(tokenizer), text_encoder_2=reader_2, tokenizer_2=tokenizer_2,
        scheduler=FlowMatchEulerDiscreteScheduler(shift=7.0),
    )  # fmt: skip


def kandinsky_drawer():
    return Kandinsky5Transformer3DModel(
        in_visual_dim=4, in_text_dim=WIDE, in_text_dim2=2 * WIDE, time_dim=32, out_visual_dim=4,
        model_dim=48, ff_dim=64, num_text_blocks=1, num_visual_blocks=1, axes_dims=(8, 8, 8),
    )  # fmt: skip


def _wan(channels, coder, **more):
    tokenizer, reader = t5_reader(many_tongues=True)
    return WanPipeline(
        tokenizer=tokenizer, text_encoder=reader, vae=coder,
        scheduler=UniPCMultistepScheduler(
            prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=3.0
        ),
        transformer=_wan_drawer(channels), **more,
    )  # fmt: skip


def _wan_drawer(channels):
    return WanTransformer3DModel(
        num_attention_heads=2, attention_head_dim=12, in_channels=channels, out_channels=channels,
        text_dim=32, ffn_dim=32, num_layers=1, rope_max_seq_len=64,
    )  # fmt: skip


def wan_5b():
    """Shaped as TI2V: one transformer, and noise that starts at a level of its own per frame."""
    coder = AutoencoderKLWan(
        base_dim=4, z_dim=48, in_channels=12, out_channels=12, is_residual=True, patch_size=2,
        latents_mean=[0.0] * 48, latents_std=[1.0] * 48, dim_mult=[1, 1, 1, 1], num_res_blocks=1,
        scale_factor_spatial=16,
    )  # fmt: skip
    return _wan(48, coder, transformer_2=None, expand_timesteps=True)


def wan_a14b():
    """Shaped as A14B: one transformer for the first steps, another for the last."""
    coder = AutoencoderKLWan(base_dim=4, z_dim=16, dim_mult=[1, 1, 1, 1], num_res_blocks=1)
    return _wan(16, coder, transformer_2=_wan_drawer(16), boundary_ratio=0.875)


def gemma_reader():
    tokenizer = qwen_words()
    text = {**_text_sizes(tokenizer), "head_dim": 8, "sliding_window": 64}
    eyes = {
        "hidden_size": WIDE, "intermediate_size": WIDE, "num_hidden_layers": 1,
        "num_attention_heads": 2, "image_size": 28, "patch_size": 14,
    }  # fmt: skip
    config = Gemma3Config(text_config=text, vision_config=eyes, mm_tokens_per_image=4)
    return tokenizer, Gemma3ForConditionalGeneration(config)


def _ltx2_drawer():
    return LTX2VideoTransformer3DModel(
        in_channels=4, out_channels=4, num_attention_heads=2, attention_head_dim=8,
        cross_attention_dim=WIDE, audio_in_channels=4, audio_out_channels=4,
        audio_num_attention_heads=2, audio_attention_head_dim=4, audio_cross_attention_dim=8,
        num_layers=1, caption_channels=WIDE, rope_double_precision=False, rope_type="split",
    )  # fmt: skip


def _ltx2_words():
    sides = {
        f"{name}_connector_{what}": value for name in ("video", "audio")
        for what, value in {"num_attention_heads": 2, "attention_head_dim": 8, "num_layers": 1,
                            "num_learnable_registers": None}.items()
    }  # fmt: skip
    return LTX2TextConnectors(
        caption_channels=WIDE, text_proj_in_factor=3, connector_rope_base_seq_len=32,
        rope_double_precision=False, rope_type="split", **sides,
    )  # fmt: skip


def _ltx2_coder():
    return AutoencoderKLLTX2Video(
        latent_channels=4, block_out_channels=(8, 8), decoder_block_out_channels=(8, 8),
        down_block_types=("LTX2VideoDownBlock3D",) * 2, layers_per_block=(1, 1, 1),
        decoder_layers_per_block=(1, 1, 1), spatio_temporal_scaling=(True, True),
        decoder_spatio_temporal_scaling=(True, True), decoder_inject_noise=(False,) * 3,
        downsample_type=("spatiotemporal", "spatiotemporal"),
        upsample_type=("spatiotemporal", "spatiotemporal"), upsample_residual=(False, False),
        upsample_factor=(1, 1), patch_size=2, decoder_causal=False,
    )  # fmt: skip


def ltx2():
    """Draws sound beside the film: two channels, 16,000 times a second."""
    tokenizer, reader = gemma_reader()
    heard = AutoencoderKLLTX2Audio(
        base_channels=4, ch_mult=(1,), num_res_blocks=1, resolution=32, latent_channels=2,
        mel_bins=8,
    )  # fmt: skip
    voice = LTX2Vocoder(
        in_channels=16, hidden_channels=16, upsample_kernel_sizes=[4, 4], upsample_factors=[2, 2],
        resnet_kernel_sizes=[3], resnet_dilations=[[1, 3, 5]], output_sampling_rate=16_000,
    )  # fmt: skip
    return LTX2Pipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(), vae=_ltx2_coder(), audio_vae=heard,
        text_encoder=reader, tokenizer=tokenizer, connectors=_ltx2_words(),
        transformer=_ltx2_drawer(), vocoder=voice,
    )  # fmt: skip


BY_REPO = {
    "black-forest-labs/FLUX.1-schnell": flux_schnell,
    "black-forest-labs/FLUX.1-Krea-dev": flux_dev,
    "black-forest-labs/FLUX.1-Kontext-dev": flux_kontext,
    "black-forest-labs/FLUX.2-klein-4B": flux2_klein,
    "Qwen/Qwen-Image-2512": qwen_image,
    "Qwen/Qwen-Image-Edit-2511": qwen_image_edit,
    "HiDream-ai/HiDream-I1-Full": hidream,
    "kandinskylab/Kandinsky-5.0-T2V-Lite-sft-5s-Diffusers": kandinsky,
    "kandinskylab/Kandinsky-5.0-T2V-Lite-distilled16steps-5s-Diffusers": kandinsky,
    "Wan-AI/Wan2.2-TI2V-5B-Diffusers": wan_5b,
    "Wan-AI/Wan2.2-T2V-A14B-Diffusers": wan_a14b,
    "diffusers/LTX-2.3-Distilled-Diffusers": ltx2,
}
"""By the repository whose shape they have."""


def build(make):
    """The same weights at every build."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return make()
