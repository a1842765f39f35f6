"""The network behind ``pilotlight/vision``: an eye of convolutions, and a reader that answers.

The reader is a small causal transformer over the words of question and answer. It looks at the
picture through gates that open for each place by itself, and adds up what comes through: a
softmax would share one glance among all places and could not count. ``training/vision`` makes the
weights.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from torch import Tensor, nn

SIDE: Final = 96
"""Pixels, wide and high, that the eye looks at."""
GRID: Final = 12
"""Places along each side that the reader tells apart."""
WIDTH: Final = 96
HEADS: Final = 4
LAYERS: Final = 3
BLOCKS: Final = 5
LONGEST: Final = 56
"""Words of a question and its answer together."""
_SHUT: Final = -math.log(GRID * GRID)
"""Where the gates begin: all together let through what a softmax would."""


def network(words: int) -> nn.ModuleDict:
    """Untrained. ``words``: how many it knows."""
    from torch import nn

    return nn.ModuleDict(
        {
            "stem": nn.Sequential(
                *_convolution(3, 24, 5, 2),
                *_convolution(24, 48, 3, 2),
                *_convolution(48, 48, 3, 1),
                *_convolution(48, WIDTH, 3, 2),
            ),
            "blocks": nn.ModuleList(
                nn.Sequential(*_convolution(WIDTH, WIDTH, 3, 1)) for _ in range(BLOCKS)
            ),
            "places": nn.Embedding(GRID * GRID, WIDTH),
            "words": nn.Embedding(words, WIDTH),
            "steps": nn.Embedding(LONGEST, WIDTH),
            "layers": nn.ModuleList(_layer() for _ in range(LAYERS)),
            "last": nn.LayerNorm(WIDTH),
            "said": nn.Linear(WIDTH, words),
        }
    )


def _convolution(given: int, made: int, size: int, stride: int) -> list[nn.Module]:
    from torch import nn

    layer = nn.Conv2d(given, made, size, stride, size // 2, bias=False)
    return [layer, nn.BatchNorm2d(made), nn.ReLU()]


def _layer() -> nn.ModuleDict:
    from torch import nn

    parts = {
        "read_norm": nn.LayerNorm(WIDTH),
        "read": nn.Linear(WIDTH, 3 * WIDTH),
        "read_out": nn.Linear(WIDTH, WIDTH),
        "look_norm": nn.LayerNorm(WIDTH),
        "wanted": nn.Linear(WIDTH, WIDTH),
        "offered": nn.Linear(WIDTH, 2 * WIDTH),
        "look_out": nn.Linear(WIDTH, WIDTH),
        "think": nn.Sequential(
            nn.LayerNorm(WIDTH), nn.Linear(WIDTH, 4 * WIDTH), nn.GELU(),
            nn.Linear(4 * WIDTH, WIDTH),
        ),
    }  # fmt: skip
    return nn.ModuleDict(parts)


def look(net: Any, pictures: Tensor) -> Tensor:
    """What is at each place: (n, 3, SIDE, SIDE), 0 to 1, becomes (n, GRID * GRID, WIDTH)."""
    seen = net["stem"](2 * pictures - 1)
    for block in net["blocks"]:
        seen = seen + block(seen)
    places: Tensor = seen.flatten(2).transpose(1, 2) + net["places"].weight
    return places


def read(net: Any, places: Tensor, tokens: Tensor) -> Tensor:
    """How likely each word comes next: (n, WIDTH) at every step.

    ``tokens``: (pictures, questions, steps); the scores are (pictures, questions, steps, words).
    """
    pictures, questions, steps = tokens.shape
    held = net["words"](tokens) + net["steps"].weight[:steps]
    for layer in net["layers"]:
        flat = held.reshape(pictures * questions, steps, WIDTH)
        held = held + _read_back(layer, flat).reshape(held.shape)
        flat = held.reshape(pictures, questions * steps, WIDTH)
        held = held + _look_up(layer, flat, places).reshape(held.shape)
        held = held + layer["think"](held)
    scores: Tensor = net["said"](net["last"](held))
    return scores


def _read_back(layer: Any, held: Tensor) -> Tensor:
    from torch.nn import functional

    asked, told, worth = (
        _heads(one) for one in layer["read"](layer["read_norm"](held)).chunk(3, -1)
    )
    got = functional.scaled_dot_product_attention(asked, told, worth, is_causal=True)
    out: Tensor = layer["read_out"](_joined(got))
    return out


def _look_up(layer: Any, held: Tensor, places: Tensor) -> Tensor:
    wanted = _heads(layer["wanted"](layer["look_norm"](held)))
    offered, worth = (_heads(one) for one in layer["offered"](places).chunk(2, -1))
    gates = (wanted @ offered.transpose(-1, -2) / math.sqrt(WIDTH // HEADS) + _SHUT).sigmoid()
    out: Tensor = layer["look_out"](_joined(gates @ worth))
    return out


def _heads(held: Tensor) -> Tensor:
    """(n, steps, WIDTH) as (n, HEADS, steps, WIDTH / HEADS)."""
    return held.unflatten(-1, (HEADS, WIDTH // HEADS)).transpose(1, 2)


def _joined(held: Tensor) -> Tensor:
    return held.transpose(1, 2).flatten(2)
