"""Sentences as points on a sphere, so that near in meaning is near: a BERT with mean pooling.

As sentence-transformers does it, without the library: the mean over the tokens that are words,
scaled to length 1 (https://www.sbert.net, ``1_Pooling/config.json`` of the model).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pilotlight import stage
from workers.engines.quiet import quiet

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from torch import Tensor

_BATCH = 32


class Sentences:
    """A loaded model. ``size`` is the length of its vectors."""

    def __init__(self, folder: Path) -> None:
        with stage("imports"):
            import torch
            from transformers import AutoModel, AutoTokenizer
        with stage("weights"), quiet():
            self._tokenizer: Any = AutoTokenizer.from_pretrained(folder, local_files_only=True)
            self._model: Any = AutoModel.from_pretrained(
                folder, local_files_only=True, use_safetensors=True
            ).eval()
        self._torch = torch
        self.size: int = self._model.config.hidden_size
        self.most_tokens: int = self._model.config.max_position_embeddings

    def points(self, texts: Sequence[str | list[int]]) -> tuple[Tensor, int]:
        """One row of length 1 for each text or list of tokens, and how many tokens were read.

        A text longer than the model reads is cut.
        """
        rows, tokens = [], 0
        for start in range(0, len(texts), _BATCH):
            batch = self._batch(texts[start : start + _BATCH])
            tokens += int(batch["attention_mask"].sum())
            with self._torch.inference_mode():
                states = self._model(**batch).last_hidden_state
            mask = batch["attention_mask"].unsqueeze(-1).to(states.dtype)
            rows.append((states * mask).sum(1) / mask.sum(1).clamp(min=1))
        joined = self._torch.cat(rows)
        return self._torch.nn.functional.normalize(joined, dim=1), tokens

    def _batch(self, texts: Sequence[str | list[int]]) -> Any:
        encoded = [
            {"input_ids": text[: self.most_tokens]}
            if isinstance(text, list)
            else self._tokenizer(text, truncation=True, max_length=self.most_tokens)
            for text in texts
        ]
        return self._tokenizer.pad(
            [{"input_ids": one["input_ids"]} for one in encoded], return_tensors="pt"
        )
