"""LoRAs on a loaded pipeline: added for one picture, kept for the next, the base never read again."""

from __future__ import annotations

import hashlib
import warnings
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from pilotlight import InvalidInput, PilotlightError, Problem
from workers.engines.diffusers.fitting import misfit
from workers.engines.diffusers.memory import bounded
from workers.engines.diffusers.spelling import plain
from workers.engines.quiet import quiet

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

MOST_KEPT: Final = 8
"""Files held in memory, and more only while one job wants more; what was unused for longest goes
first."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """One file, how strongly it counts, and the input's field it came from.

    Equal for equal contents, wherever each job's copy lies: such jobs can share a call.
    """

    path: Path = field(compare=False)
    scale: float
    loc: tuple[str | int, ...]
    name: str = field(init=False)
    """By what is in it: a URL may lead to another file tomorrow."""

    def __post_init__(self) -> None:
        with self.path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        object.__setattr__(self, "name", f"lora-{digest[:16]}")


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
        try:
            scales = self._loaded(wanted)
            self.pipe.enable_lora()
            self.pipe.set_adapters(list(scales), list(scales.values()))
            yield
        finally:
            self.pipe.disable_lora()  # also what was added before another one was refused

    def _loaded(self, wanted: Sequence[Wanted]) -> dict[str, float]:
        """Their scales by name; a file that comes twice counts for both."""
        self._make_room({one.name for one in wanted})
        scales: dict[str, float] = {}
        for one in wanted:
            if one.name in self._kept:
                del self._kept[one.name]  # to the end of the row
            else:
                self._load(one)
            self._kept[one.name] = None
            scales[one.name] = scales.get(one.name, 0.0) + one.scale
        return scales

    def _make_room(self, names: set[str]) -> None:
        """Before more are read; never by what is wanted now."""
        spare = [one for one in self._kept if one not in names]
        most = max(0, MOST_KEPT - len(names))
        for oldest in spare[: max(0, len(spare) - most)]:
            del self._kept[oldest]
            self._take_off(oldest)

    def _load(self, one: Wanted) -> None:
        added = False
        try:
            bounded(lambda: self._add(one))
            added = True
        except (PilotlightError, MemoryError, OSError):
            raise
        except Exception as error:  # noqa: BLE001 - readers raise anything for what is not theirs
            raise _refused(one, f"cannot be added to this model: {error}") from None
        finally:
            if not added:
                self._take_off(one.name)

    def _add(self, one: Wanted) -> None:
        from safetensors.torch import load_file

        weights = plain(load_file(one.path), self.pipe.transformer)
        with quiet(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # several at once are what this is for
            if words := misfit(self.pipe, weights):
                raise _refused(one, words)
            self.pipe.load_lora_weights(weights, adapter_name=one.name)
        if one.name not in {n for part in self.pipe.get_list_adapters().values() for n in part}:
            raise _refused(one, "holds nothing that fits this model")

    def _take_off(self, name: str) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it was the one at work
            self.pipe.delete_adapters(name)


def _refused(one: Wanted, words: str) -> InvalidInput:
    words = words[:300]
    where = ".".join(str(part) for part in one.loc)
    return InvalidInput(f"{where} {words}", Problem(("body", *one.loc), words, "value_error"))
