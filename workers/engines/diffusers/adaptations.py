"""LoRAs on a loaded pipeline: added for one picture, kept for the next, the base never read again."""

from __future__ import annotations

import hashlib
import warnings
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from pilotlight import InvalidInput, Problem
from workers.engines.quiet import quiet

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

MOST_KEPT: Final = 8
"""Files held in memory; the one that was unused for longest goes first."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """One file, how strongly it counts, and the input's field it came from."""

    path: Path
    scale: float
    loc: tuple[str | int, ...]


@dataclass(frozen=True)
class Adaptations:
    """Of one pipeline. Not for two threads at once."""

    pipe: Any
    _kept: dict[str, None] = field(default_factory=dict)
    """Names in the order of their last use."""

    @contextmanager
    def added(self, wanted: Sequence[Wanted]) -> Iterator[None]:
        """As long as the block runs. Raises InvalidInput that names the file that will not do."""
        if not wanted:
            yield
            return
        names = [self._loaded(one) for one in wanted]
        scales: dict[str, float] = {}
        for name, one in zip(names, wanted, strict=True):
            scales[name] = scales.get(name, 0.0) + one.scale
        self.pipe.enable_lora()
        self.pipe.set_adapters(list(scales), list(scales.values()))
        try:
            yield
        finally:
            self.pipe.disable_lora()

    def _loaded(self, one: Wanted) -> str:
        digest = hashlib.sha256(one.path.read_bytes()).hexdigest()
        name = f"lora-{digest[:16]}"
        if name in self._kept:
            del self._kept[name]
        else:
            self._load(one, name)
        self._kept[name] = None
        while len(self._kept) > MOST_KEPT:
            oldest = next(iter(self._kept))
            del self._kept[oldest]
            self.pipe.delete_adapters(oldest)
        return name

    def _load(self, one: Wanted, name: str) -> None:
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        try:
            weights = load_file(one.path)
            with quiet(), warnings.catch_warnings():
                # Several at once are what this is for.
                warnings.filterwarnings("ignore", "Already found a `peft_config` attribute")
                self.pipe.load_lora_weights(weights, adapter_name=name)
            fitted = name in {n for part in self.pipe.get_list_adapters().values() for n in part}
        except (SafetensorError, ValueError, RuntimeError, KeyError) as error:
            raise _refused(one, f"cannot be added to this model: {error}") from None
        if not fitted:
            raise _refused(one, "holds nothing that fits this model")


def _refused(one: Wanted, words: str) -> InvalidInput:
    words = words[:300]
    where = ".".join(str(part) for part in one.loc)
    return InvalidInput(f"{where} {words}", Problem(("body", *one.loc), words, "value_error"))
