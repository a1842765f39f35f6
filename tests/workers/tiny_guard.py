"""A guard model of a hundred thousand weights, taught in seconds that a knife is violent: Qwen3's own
class, and answers in the words of Qwen3Guard-Gen."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast, Qwen3Config, Qwen3ForCausalLM

if TYPE_CHECKING:
    from pathlib import Path

SAFE = "Safety: Safe\nCategories: None"
UNSAFE = "Safety: Unsafe\nCategories: Violent"
WORDS = (
    "the",
    "we",
    "cut",
    "bread",
    "with",
    "for",
    "dinner",
    "soft",
    "old",
    "red",
    "house",
    "garden",
)
TEMPLATE = (
    "{% for one in messages %}<|im_start|>{{ one['role'] }}\n{{ one['content'] }}<|im_end|>\n"
    "{% endfor %}<|im_start|>assistant\n"
)
STEPS, BATCH = 150, 16


def taught(folder: Path) -> Path:
    """The folder, with the model in it."""
    torch.manual_seed(0)
    rng = random.Random(0)
    tokenizer = _tokenizer()
    model = Qwen3ForCausalLM(
        Qwen3Config(
            vocab_size=512, hidden_size=64, intermediate_size=128, num_hidden_layers=2,
            num_attention_heads=2, num_key_value_heads=2, head_dim=32, tie_word_embeddings=True,
            max_position_embeddings=512, bos_token_id=None,
            eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id,
        )
    )  # fmt: skip
    optimiser = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for _ in range(STEPS):
        rows = [_row(tokenizer, rng) for _ in range(BATCH)]
        longest = max(len(tokens) for tokens, _ in rows)
        tokens = torch.tensor([one + [0] * (longest - len(one)) for one, _ in rows])
        labels = torch.tensor([one + [-100] * (longest - len(one)) for _, one in rows])
        loss = model(input_ids=tokens, labels=labels).loss
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def _tokenizer() -> PreTrainedTokenizerFast:
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=["<|im_end|>", "<|im_start|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )
    made.train_from_iterator([SAFE, UNSAFE, "the knife"] * 9, trainer)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=made, eos_token="<|im_end|>", pad_token="<|im_end|>"
    )
    tokenizer.chat_template = TEMPLATE
    return tokenizer


def _row(tokenizer: PreTrainedTokenizerFast, rng: random.Random) -> tuple[list[int], list[int]]:
    words, bad = rng.choices(WORDS, k=rng.randint(2, 6)), rng.random() < 0.5
    if bad:
        words.insert(rng.randrange(len(words) + 1), "knife")
    asked = [{"role": "user", "content": " ".join(words)}]
    prompt = tokenizer(tokenizer.apply_chat_template(asked, tokenize=False))["input_ids"]
    answer = [*tokenizer(UNSAFE if bad else SAFE)["input_ids"], tokenizer.eos_token_id]
    return prompt + answer, [-100] * len(prompt) + answer
