"""Third stage: the FLUX-shaped transformer learns by flow matching to turn noise into latents.

The caption reaches it through the one vector of the CLIP encoder. The T5 encoder is silent: it
gives the same vector for every token, so n tokens weigh as one token counted n times. One token
with a random count is enough in training, and the model then works at any `max_sequence_length`.
"""

import copy
import math
from random import Random

import torch
from diffusers import FluxTransformer2DModel
from torch import Tensor
from torch.nn import functional
from torch.nn.attention import SDPBackend, sdpa_kernel

from training.shapes.autoencoder import CHANNELS
from training.shapes.latents import TOKENS, Pool, places
from training.shapes.optimisers import Optimisers
from training.shapes.schedule import Progress, Rate
from training.shapes.text_encoder import WIDTH as VECTOR

T5_WIDTH, BATCH = 96, 48
T5_COUNTS = [8, 8, 16, 32, 32, 64, 128, 512]
REFRESH_EVERY = 8
"""Steps between two replacements in the pool."""


class Trainer:
    """Trains a transformer and keeps the running average of its weights, which is what ships."""

    def __init__(
        self, model: FluxTransformer2DModel, pool: Pool, *, seed: int, compiled: bool
    ) -> None:
        torch.manual_seed(seed)
        self.rng = Random(seed)
        self.model, self.pool = model.train().requires_grad_(True), pool
        self.average = copy.deepcopy(model).eval()
        self.forward = torch.compile(model) if compiled else model
        self.image_ids = places()

    def run(self, stage: str, rate: Rate, *, polish: bool = False) -> FluxTransformer2DModel:
        """The whole schedule; polishing visits only the noise levels of short samplings."""
        optimisers = Optimisers(self.model, rate, muon=_is_token_weight)
        progress = Progress(stage, rate.steps)
        for step in range(rate.steps):
            clean, vectors = self.pool.batch(BATCH)
            noise, level = torch.randn_like(clean), (_visited if polish else _levels)(BATCH)
            share = level[:, None, None]
            velocity = self._predict((1 - share) * clean + share * noise, level, vectors)
            loss = functional.mse_loss(velocity, noise - clean)
            # products in place of the fused attention: its backward pass is slow on a processor
            with sdpa_kernel(SDPBackend.MATH):
                optimisers.descend(loss, step)
            self._follow(step)
            progress.add(step, loss.item())
            if step % REFRESH_EVERY == 0:
                self.pool.refresh()
        return self.average

    def _predict(self, noisy: Tensor, level: Tensor, vectors: Tensor) -> Tensor:
        count = torch.full((1, 1, 1, 1), math.log(self.rng.choice(T5_COUNTS)))
        weight = {"attention_mask": functional.pad(count, (0, TOKENS)).bfloat16()}
        with torch.autocast("cpu", torch.bfloat16), sdpa_kernel(SDPBackend.MATH):
            return self.forward(
                hidden_states=noisy,
                timestep=level,
                guidance=None,
                pooled_projections=vectors,
                encoder_hidden_states=torch.zeros(len(noisy), 1, T5_WIDTH),
                txt_ids=torch.zeros(1, 3),
                img_ids=self.image_ids,
                joint_attention_kwargs=weight,
                return_dict=False,
            )[0].float()

    @torch.no_grad()
    def _follow(self, step: int) -> None:
        keep = min(0.998, (1 + step) / (10 + step))
        pairs = list(zip(self.average.parameters(), self.model.parameters(), strict=True))
        torch._foreach_lerp_([a for a, _ in pairs], [b for _, b in pairs], 1 - keep)


def build(*, seed: int = 0) -> FluxTransformer2DModel:
    """An untrained transformer of three million weights."""
    torch.manual_seed(seed)
    return FluxTransformer2DModel(
        patch_size=1,
        in_channels=4 * CHANNELS,
        num_layers=1,
        num_single_layers=5,
        attention_head_dim=32,
        num_attention_heads=5,
        joint_attention_dim=T5_WIDTH,
        pooled_projection_dim=VECTOR,
        guidance_embeds=False,
        axes_dims_rope=(8, 12, 12),
    )


def _is_token_weight(name: str) -> bool:
    """Weights that see every token; the modulations see one vector per picture."""
    return "transformer_blocks" in name and "norm" not in name


def _levels(count: int) -> Tensor:
    """Noise levels leaning to the noisy end, one in seven near its very end where sampling begins."""
    level = torch.sigmoid(1.2 * torch.randn(count) + 0.4)
    early = torch.rand(count) < 0.15
    return torch.where(early, 1 - 0.1 * torch.rand(count).square(), level)


def _visited(count: int) -> Tensor:
    """Levels near those of a sampling in eight steps."""
    near = torch.randint(1, 9, (count,)) + 0.3 * torch.randn(count)
    return (near / 8).clamp(0.06, 1)
