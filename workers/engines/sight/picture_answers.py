"""Answers to questions about drawn shapes, word by word. The network is in ``picture_network``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from pilotlight import stage
from workers.engines.sight import picture_network
from workers.engines.sight.question_words import ANSWER, END, UNKNOWN, words_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from PIL.Image import Image

MOST_ASKED: Final = 26
"""Words of a question that are read: its last ones."""
LISTED: Final = "words"
"""Name of the list of words in the metadata of the weights, as JSON."""


class PictureAnswers:
    """A loaded model. Safe to use from several threads."""

    def __init__(self, weights: Path) -> None:
        """Reads safetensors."""
        with stage("imports"):
            import safetensors
            import torch
        with stage("weights"):
            with safetensors.safe_open(weights, "pt") as file:
                self._words: list[str] = json.loads(file.metadata()[LISTED])
                stored = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            net: Any = picture_network.network(len(self._words))
            net.load_state_dict(stored)
        torch.set_num_threads(1)  # a second one waits for the first after every small matrix
        self._net, self._torch = net.float().eval(), torch
        self._numbers = {word: number for number, word in enumerate(self._words)}

    def read(self, question: str) -> list[int]:
        """The question as the network takes it; what it does not know is one word."""
        unknown = self._numbers[UNKNOWN]
        told = [self._numbers.get(word, unknown) for word in words_of(question) if word != "."]
        return [*told[-MOST_ASKED:], self._numbers[ANSWER]]

    def answer(self, picture: Image, question: str) -> Iterator[str]:
        """The likeliest words, one after another."""
        torch = self._torch
        tokens = self.read(question)
        with torch.inference_mode():
            places = picture_network.look(self._net, self._pixels(picture))
        while len(tokens) < picture_network.LONGEST:
            with torch.inference_mode():
                scores = picture_network.read(self._net, places, torch.tensor([[tokens]]))
            tokens.append(int(scores[0, 0, -1].argmax()))
            word = self._words[tokens[-1]]
            if word == END:
                return
            yield word

    def _pixels(self, picture: Image) -> Any:
        import numpy as np
        from PIL import Image as Pictures

        side = picture_network.SIDE
        seen = on_white(picture).resize((side, side), Pictures.Resampling.BOX
                                     if min(picture.size) >= side else
                                     Pictures.Resampling.BICUBIC)  # fmt: skip
        held = self._torch.from_numpy(np.array(seen))
        return held.permute(2, 0, 1)[None].float() / 255


def on_white(picture: Image) -> Image:
    """In three colours: white where it is see-through."""
    from PIL import Image as Pictures

    if not picture.has_transparency_data:
        return picture.convert("RGB")
    solid = picture.convert("RGBA")
    paper = Pictures.new("RGBA", solid.size, "white")
    return Pictures.alpha_composite(paper, solid).convert("RGB")
