"""Weights that come in the quantised form of llama.cpp, as every other library reads them.

Done once, when they are fetched; it takes the quantised numbers as they are, so the model is as
good as the file was, not as good as the original.
"""

from __future__ import annotations

import contextlib
import io
from typing import TYPE_CHECKING, Any

from workers.engines.quiet import quiet

if TYPE_CHECKING:
    from pathlib import Path


def unpack(folder: Path, *, usual: dict[str, float]) -> None:
    """The one ``.gguf`` of the folder becomes safetensors, configuration and tokenizer in it.

    ``usual``: the dials of a caller who sets none. Kept as bfloat16; the ``.gguf`` goes away.
    """
    from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig

    (source,) = folder.glob("*.gguf")
    # The reader's bar has no switch of its own, and half a minute needs none.
    with quiet(), contextlib.redirect_stderr(io.StringIO()):
        tokenizer: Any = AutoTokenizer.from_pretrained(
            folder, gguf_file=source.name, local_files_only=True
        )
        read: Any = AutoModelForCausalLM.from_pretrained(
            folder, gguf_file=source.name, local_files_only=True
        )
        plain = _without_quantisation(read)
        plain.generation_config = GenerationConfig(
            do_sample=True,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
            **usual,
        )
        plain.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
    source.unlink()


def _without_quantisation(read: Any) -> Any:
    """The same model, unaware of where it came from: else it refuses to be saved."""
    import torch

    facts = read.config.to_dict()
    facts.pop("quantization_config", None)
    facts["architectures"] = [type(read).__name__]
    plain = type(read)(type(read.config).from_dict(facts))
    plain.load_state_dict(read.state_dict())
    return plain.to(torch.bfloat16)
