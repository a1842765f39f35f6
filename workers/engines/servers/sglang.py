"""Workers that are a model behind SGLang and nothing else (docs/language.md)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from workers.engines.vllm.engine import as_words
from workers.engines.vllm.served import Served

if TYPE_CHECKING:
    from workers.engines.vllm.engine import Vllm


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedBySglang(Served):
    """``arguments`` are those of ``sglang.launch_server``."""

    python: str = "python3"
    """That has SGLang, which pins libraries of its own."""

    def engine(self) -> Vllm:
        from workers.engines.servers.own_server import OwnServer

        return OwnServer(self.command, model=self.repo, jobs=self.jobs)

    @property
    def command(self) -> list[str]:
        """What is started, with a port and a key still to be named."""
        return [self.python, "-m", "sglang.launch_server", *as_words(self.words)]

    @property
    def words(self) -> dict[str, Any]:
        """All arguments of ``sglang.launch_server``."""
        pinned = {"revision": self.revision} if self.revision else {}
        return {
            "model_path": self.repo, "host": "127.0.0.1", "port": "{port}", "api_key": "{key}",
            "context_length": self.context, "max_running_requests": self.jobs, **pinned,
            **self.arguments,
        }  # fmt: skip
