"""Where vLLM lives: it pins a torch of its own, so `make setup-vllm` gives it a `.venv-vllm`."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Final

_READY: Final = Path(__file__).parents[3] / ".venv-vllm" / ".ready"


def python() -> str:
    """What a spec says as its ``python``; empty: the replica's own, with vLLM in it or not."""
    return ".venv-vllm/bin/python" if _READY.is_file() and not here() else ""


def here() -> bool:
    """Whether this interpreter has it."""
    return importlib.util.find_spec("vllm") is not None
