"""What DreamOmni2 keeps in a repository of its own, tiny: an adaptation and a reader that sees."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from diffusers import FluxPipeline
from peft import LoraConfig
from peft.utils import get_peft_model_state_dict
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

from tests.workers import twins

READER = "vlm-model"
ADAPTATION = "edit_lora/pytorch_lora_weights.safetensors"


@dataclass
class Beside:
    layers: dict[str, Any]
    words: Any
    model: Any

    def save_pretrained(self, folder):
        FluxPipeline.save_lora_weights(
            folder / "edit_lora", transformer_lora_layers=self.layers, safe_serialization=True
        )
        self.model.save_pretrained(folder / READER)
        self.words.save_pretrained(folder / READER)
        few = {"shortest_edge": 28 * 28, "longest_edge": 4 * 28 * 28}
        Qwen2VLImageProcessorPil(size=few).save_pretrained(folder / READER)


def dreamomni():
    words, model = twins.qwen_reader()
    words.chat_template = (
        "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n"
        "{% endfor %}<|im_start|>assistant\n"
    )
    transformer = twins.flux_kontext().transformer
    transformer.add_adapter(
        LoraConfig(r=2, target_modules=["to_q", "to_v"], init_lora_weights=False)
    )
    torch.manual_seed(1)
    layers = {name: 20 * one for name, one in get_peft_model_state_dict(transformer).items()}
    return Beside(layers, words, model)
