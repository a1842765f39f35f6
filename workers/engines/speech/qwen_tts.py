"""Qwen3-TTS through its makers' package (``qwen-tts``, Apache-2.0).

That pins a transformers of its own, so it lives in a ``.venv-qwen-tts`` (docs/language.md).
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any, Final

from pilotlight import WorkerError, stage

RATE: Final = 24_000
"""Samples a second that every model of the 12 Hz family makes."""
_HERE: Final = Path(__file__).parents[3] / ".venv-qwen-tts" / "bin" / "python"


def python() -> str:
    """What a spec says as its ``python``; empty: the replica's own has it, or nobody."""
    installed = importlib.util.find_spec("qwen_tts") is not None
    return ".venv-qwen-tts/bin/python" if _HERE.is_file() and not installed else ""


class QwenTts:
    """A loaded model with voices of its own (CustomVoice). Not for two threads at once."""

    def __init__(self, repo: str, /, **arguments: Any) -> None:
        """``arguments`` of ``from_pretrained``, such as ``device_map``."""
        with stage("imports"):
            import torch
            from qwen_tts import Qwen3TTSModel
        with stage("weights"):
            self._model: Any = Qwen3TTSModel.from_pretrained(
                repo, dtype=torch.bfloat16, **arguments
            )

    def say(self, text: str, *, voice: str, manner: str | None) -> Any:
        """Samples from -1 to 1, shape (n,), at RATE. The language is the text's own."""
        (samples,), rate = self._model.generate_custom_voice(
            text=text, speaker=voice, instruct=manner
        )
        if rate != RATE:
            raise WorkerError(f"the model speaks at {rate} Hz, not at {RATE}")
        return samples
