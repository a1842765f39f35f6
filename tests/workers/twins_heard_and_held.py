"""Tiny twins, as in ``twins.py``, of the models that make music and solids."""

from __future__ import annotations

import itertools

import torch
from diffusers import (
    AceStepPipeline,
    AutoencoderOobleck,
    FlowMatchEulerDiscreteScheduler,
    HeunDiscreteScheduler,
    PriorTransformer,
    ShapEImg2ImgPipeline,
)
from diffusers.models.transformers.ace_step_transformer import AceStepTransformer1DModel
from diffusers.pipelines.ace_step import AceStepConditionEncoder
from diffusers.pipelines.shap_e import ShapERenderer
from transformers import (
    CLIPImageProcessor,
    CLIPVisionConfig,
    CLIPVisionModel,
    Qwen3Config,
    Qwen3Model,
)

from tests.workers.twins import WIDE, qwen_words

RATE, HOP = 8_000, 320
"""Samples a second, and those that one latent frame becomes: 25 frames a second, as the big one."""
_HEARD = 8
"""Numbers that a latent frame has."""


def ace_step():
    tokenizer = qwen_words()
    heads = {"num_attention_heads": 2, "num_key_value_heads": 2, "head_dim": 8}
    sizes = {"hidden_size": WIDE, "intermediate_size": WIDE, **heads}
    reader = Qwen3Config(vocab_size=len(tokenizer), num_hidden_layers=2, **sizes)
    return AceStepPipeline(
        vae=oobleck(),
        text_encoder=Qwen3Model(reader),
        tokenizer=tokenizer,
        transformer=AceStepTransformer1DModel(
            num_hidden_layers=2, in_channels=3 * _HEARD, audio_acoustic_hidden_dim=_HEARD,
            sliding_window=16, is_turbo=True, **sizes,
        ),
        condition_encoder=AceStepConditionEncoder(
            text_hidden_dim=WIDE, timbre_hidden_dim=_HEARD, num_lyric_encoder_hidden_layers=1,
            num_timbre_encoder_hidden_layers=1, sliding_window=16, **sizes,
        ),
        scheduler=FlowMatchEulerDiscreteScheduler(num_train_timesteps=1, shift=1.0),
    )  # fmt: skip


def oobleck():
    """Two channels; it makes HOP samples of a frame in three layers."""
    return AutoencoderOobleck(
        encoder_hidden_size=4, downsampling_ratios=[4, 8, 10], channel_multiples=[1, 2, 2],
        decoder_channels=4, decoder_input_channels=_HEARD, audio_channels=2, sampling_rate=RATE,
    )  # fmt: skip


def shap_e():
    wide, seen, hidden = 2 * WIDE, 32, 8
    eyes = CLIPVisionConfig(
        hidden_size=wide, intermediate_size=wide, num_hidden_layers=1, num_attention_heads=2,
        image_size=seen, patch_size=8, projection_dim=wide,
    )  # fmt: skip
    renderer = ShapERenderer(
        param_shapes=((hidden, 93), *((hidden, hidden),) * 3), d_latent=wide, d_hidden=hidden,
    )  # fmt: skip
    cases, masks = marching_cubes()
    renderer.mesh_decoder.cases.copy_(cases)  # its makers ship the table among the weights
    renderer.mesh_decoder.masks.copy_(masks)
    return ShapEImg2ImgPipeline(
        prior=PriorTransformer(
            num_attention_heads=2, attention_head_dim=16, num_layers=1, embedding_dim=wide,
            num_embeddings=4 * hidden, additional_embeddings=0, embedding_proj_dim=wide,
            time_embed_dim=wide, time_embed_act_fn="gelu", norm_in_type="layer",
            embedding_proj_norm_type="layer", encoder_hid_proj_type=None, added_emb_type=None,
            clip_embed_dim=2 * wide,
        ),
        image_encoder=CLIPVisionModel(eyes),
        image_processor=CLIPImageProcessor(size=seen, crop_size=seen),
        scheduler=HeunDiscreteScheduler(
            beta_schedule="exp", num_train_timesteps=1024, prediction_type="sample",
            use_karras_sigmas=True, clip_sample=True, clip_sample_range=1.0,
        ),
        shap_e_renderer=renderer,
    )  # fmt: skip


_EDGES = {
    frozenset(ends): place
    for place, ends in enumerate([
        (0, 1), (2, 3), (4, 5), (6, 7), (0, 2), (1, 3), (4, 6), (5, 7), (0, 4), (1, 5), (2, 6),
        (3, 7),
    ])
}  # fmt: skip
"""A cube's, by their corners: x, y and z are a corner's bits."""
_FACES = [(0, 2, 3, 1), (4, 5, 7, 6), (0, 1, 5, 4), (2, 6, 7, 3), (0, 4, 6, 2), (1, 3, 7, 5)]
"""Corners counter-clockwise, seen from outside the cube."""


def marching_cubes():
    """For each of the 256 ways a cube's corners lie inside: triangles between edges, seen from
    outside counter-clockwise, and which of the five are there."""
    cases = torch.zeros(256, 5, 3, dtype=torch.long)
    masks = torch.zeros(256, 5, dtype=torch.bool)
    for case in range(256):
        triangles = [
            (loop[0], one, two)
            for loop in _loops(case)
            for one, two in itertools.pairwise(loop[1:])
        ]
        for place, triangle in enumerate(triangles):
            cases[case, place] = torch.tensor(triangle)
            masks[case, place] = True
    return cases, masks


def _loops(case):
    """Edges that the surface crosses, in order: on each face from where one walks in to where one
    walks out."""
    after = {}
    for face in _FACES:
        walk = [*face, *face]
        steps = list(itertools.pairwise([*walk, face[0]]))
        for place, (here, there) in enumerate(steps[:4]):
            if not case >> here & 1 and case >> there & 1:
                out = next(two for two in steps[place + 1 :]
                           if case >> two[0] & 1 and not case >> two[1] & 1)  # fmt: skip
                after[_EDGES[frozenset((here, there))]] = _EDGES[frozenset(out)]
    loops = []
    while after:
        loop = [next(iter(after))]
        while (follows := after.pop(loop[-1])) != loop[0]:
            loop.append(follows)
        loops.append(loop)
    return loops


BY_REPO = {
    "ACE-Step/acestep-v15-xl-turbo-diffusers": ace_step,
    "openai/shap-e-img2img": shap_e,
}
"""By the repository whose shape they have."""
