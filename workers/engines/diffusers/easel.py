"""Pictures by any declared pipeline: several jobs in one call where they are alike."""

from __future__ import annotations

import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from pilotlight import OutOfMemory
from workers.engines.diffusers.declared import MEGAPIXEL
from workers.engines.diffusers.memory import bounded, sparing
from workers.engines.diffusers.preview import Preview
from workers.engines.diffusers.sharing import Piece
from workers.engines.diffusers.turns import Turns
from workers.engines.quiet import quiet

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence

    from PIL.Image import Image

    from workers.engines.diffusers.adaptations import Wanted
    from workers.engines.diffusers.declared import Way
    from workers.engines.diffusers.loading import Pipes
    from workers.engines.diffusers.turns import Turn

    OnStep = Callable[[int, int, Callable[[], Image] | None], None]
    """Told after each step its number from 1, how many there are, and how to see the picture as it
    now looks, where that can be seen."""

_SEEDS: Final = 2**63
"""PyTorch's generators take no larger ones."""


class _NobodyWaits(Exception):
    """Every job of a call has ended."""


@dataclass(frozen=True, kw_only=True)
class Sketch:
    """One picture as its job wants it."""

    way: Way
    prompt: str
    negative: str | None
    words: Mapping[str, Any]
    """More of the pipeline's arguments, by their names there."""
    steps: int
    seed: int
    on_step: OnStep
    loras: tuple[Wanted, ...] = ()
    acceleration: str = "none"
    spare: bool = False
    """With as little memory as can be."""

    @property
    def kind(self) -> Hashable:
        """What sketches of one call have in common; None for one that goes alone."""
        way = self.way
        if self.spare or {way.image_as, way.several_as, way.mask_as} & set(self.words):
            return None
        return (
            way.pipeline, way.variant, self.negative is None, self.steps,
            self.loras, self.acceleration, tuple(sorted(self.words.items(), key=str)),
        )  # fmt: skip

    def piece(self) -> Piece:
        width, height = self.words["width"], self.words["height"]
        megapixels = width * height / MEGAPIXEL
        try:
            hash(kind := self.kind)
        except TypeError:  # an argument that cannot be compared
            kind = None
        return Piece(kind, megapixels * self.steps, megapixels, time.monotonic())


@dataclass
class Easel:
    """A loaded model that any thread may ask for pictures."""

    pipes: Pipes
    _levels: dict[str, str] = field(default_factory=dict)
    _arranged: bool = False

    def __post_init__(self) -> None:
        self.turns: Turns[Sketch] = Turns(self._draw, self.pipes.model.batch)

    def draw(self, sketches: Sequence[Sketch], *, check: Callable[[], None]) -> list[Image]:
        """In order. Raises OutOfMemory, and what ``check`` or an ``on_step`` raises."""
        return self.turns.give([(one, one.piece()) for one in sketches], check=check)

    def close(self) -> None:
        self.turns.close()

    def _draw(self, turns: Sequence[Turn[Sketch]]) -> Sequence[Any]:
        self._arrange()
        try:
            return self._together(turns)
        except _NobodyWaits:
            return [None] * len(turns)
        except OutOfMemory:
            if len(turns) == 1:
                raise
        # What does not fit together may fit one by one.
        return [self._by_itself(turn) for turn in turns]

    def _arrange(self) -> None:
        """Counts per calling thread. One on a processor: equal seeds, equal bytes."""
        if not self._arranged and self.pipes.device == "cpu":
            import torch

            torch.set_num_threads(1)
        self._arranged = True

    def _by_itself(self, turn: Turn[Sketch]) -> Any:
        drawn: list[Any] = []
        turn.told(lambda: drawn.extend(self._together([turn])))
        return drawn[0] if drawn else None

    def _together(self, turns: Sequence[Turn[Sketch]]) -> list[Image]:
        first = turns[0].work
        pipe = self.pipes.of(first.way)
        with ExitStack() as ways:
            ways.enter_context(quiet())
            if first.spare:
                ways.enter_context(self.pipes.parked())
            ways.enter_context(self.pipes.adaptations.added(first.loras))
            ways.enter_context(self._accelerated(pipe, first.acceleration))
            if first.spare:
                ways.enter_context(sparing(pipe, self.pipes.device))
            drawn: list[Image] = bounded(lambda: pipe(**_call(turns, self._watch(turns))).images)
            return drawn

    def _watch(self, turns: Sequence[Turn[Sketch]]) -> Callable[..., dict[str, Any]]:
        kind, first = self.pipes.model.preview, turns[0].work
        width, height = first.words["width"], first.words["height"]
        # Where memory is short the autoencoder's turn comes when the last step is done.
        preview = Preview(kind, width, height) if kind and not first.spare else None

        def stepped(pipe: Any, step: int, _time: Any, tensors: dict[str, Any]) -> dict[str, Any]:
            total = int(getattr(pipe, "num_timesteps", 0) or first.steps)
            looks = preview.looks(pipe, step, tensors["latents"]) if preview else None
            for place, turn in enumerate(turns):
                look = looks(place) if looks else None
                turn.told(partial(turn.work.on_step, step + 1, total, look))
            if all(turn.over for turn in turns):
                raise _NobodyWaits
            return {}

        return stepped

    @contextmanager
    def _accelerated(self, pipe: Any, level: str) -> Iterator[None]:
        """Blocks whose result would hardly differ from the step before are left out."""
        threshold = self.pipes.model.cached.get(level)
        if threshold is None:
            yield
            return
        from diffusers import FirstBlockCacheConfig

        pipe.transformer.enable_cache(FirstBlockCacheConfig(threshold=threshold))
        try:
            # Kontext's pipelines open no context of their own; one pass a step needs but one.
            with pipe.transformer.cache_context("step"):
                yield
        finally:
            pipe.transformer.disable_cache()


def _call(turns: Sequence[Turn[Sketch]], stepped: Callable[..., dict[str, Any]]) -> dict[str, Any]:
    """Every picture has a generator of its own: it comes out as if it were alone."""
    import torch

    sketches = [turn.work for turn in turns]
    first = sketches[0]
    seeds = [torch.Generator("cpu").manual_seed(one.seed % _SEEDS) for one in sketches]
    negatives = [one.negative for one in sketches]
    alone = len(sketches) == 1
    said = {} if first.negative is None else {
        "negative_prompt": negatives[0] if alone else negatives
    }  # fmt: skip
    words = {**first.way.more, **first.words}
    if not alone:  # a second reader's constant prompt, once for each picture
        words |= {
            name: [value] * len(sketches) for name, value in words.items()
            if "prompt" in name and isinstance(value, str)
        }  # fmt: skip
    return {
        "prompt": first.prompt if alone else [one.prompt for one in sketches],
        **said,
        **words,
        "num_inference_steps": first.steps,
        "generator": seeds[0] if alone else seeds,
        "callback_on_step_end": stepped,
    }
