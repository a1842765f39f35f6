"""LoRA files name the same layers in many ways: by who trained them, and with what.

diffusers knows many and not all, others for each model. A file whose every layer is one of the
model's own, however it is spelled, is put into the words that all of its pipelines read; any other
is left to diffusers, which knows the names that models have elsewhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from torch import Tensor

_PREFIXES: Final = (
    "base_model.model.transformer.", "base_model.model.", "model.diffusion_model.",
    "diffusion_model.", "transformer.", "",
)  # fmt: skip
"""Of PEFT, of ComfyUI, of diffusers, and of DiffSynth, which has none."""
_FLAT_PREFIXES: Final = ("lora_unet_", "lora_transformer_", "lycoris_")
"""Of kohya's trainers and those after them, which write a layer's name with ``_`` alone."""
_INNER: Final = (
    ".lora_A.weight",
    ".lora_A.default.weight",
    ".lora_down.weight",
    ".lora.down.weight",
)
_OUTER: Final = (".lora_B.weight", ".lora_B.default.weight", ".lora_up.weight", ".lora.up.weight")
_ALPHA: Final = (".alpha",)
_OF_FLUX: Final = ("double_blocks.", "single_blocks.")
_ELSEWHERE: Final = ("blocks.", *_OF_FLUX)
"""How layers begin in the words of FLUX's and Wan's own makers."""


def plain(weights: Mapping[str, Tensor], transformer: Any) -> dict[str, Tensor]:
    """``weights`` in words that diffusers reads, where they can be put so."""
    cut = {key: _cut(key) for key in weights}
    if not all(cut.values()):
        return dict(weights)
    parts: dict[str, dict[str, Tensor]] = {}
    for key, found in cut.items():
        assert found is not None
        stem, part = found
        parts.setdefault(stem, {})[part] = weights[key]
    if any({"A", "B"} - set(one) for one in parts.values()):
        return dict(weights)
    names = [name for name, _ in transformer.named_modules()]
    layers = {name.replace(".", "_"): name for name in names} | {name: name for name in names}
    own = {stem: _own(stem, layers) for stem in parts}
    if all(own.values()):
        return _written(((f"transformer.{own[stem]}", one) for stem, one in parts.items()), "AB")
    bare = {stem: _bare(stem) for stem in parts}
    if not all(name.startswith(_ELSEWHERE) for name in bare.values()):
        return dict(weights)
    if type(transformer).__name__ == "FluxTransformer2DModel":  # diffusers knows kohya's names here
        told = (("lora_unet_" + bare[stem].replace(".", "_"), one) for stem, one in parts.items())
        return _written(told, ("down", "up"))
    return _written(((f"diffusion_model.{bare[stem]}", one) for stem, one in parts.items()), "AB")


def _cut(key: str) -> tuple[str, str] | None:
    """A key's layer, and which part of its adaptation it is."""
    for part, endings in (("A", _INNER), ("B", _OUTER), ("alpha", _ALPHA)):
        for ending in endings:
            if key.endswith(ending):
                return key.removesuffix(ending), part
    return None


def _own(stem: str, layers: dict[str, str]) -> str:
    """The model's layer of that name, with dots or without; empty where it has none."""
    for prefix in _FLAT_PREFIXES:
        if stem.startswith(prefix):
            return layers.get(stem.removeprefix(prefix), "")
    return layers.get(_bare(stem), "")


def _bare(stem: str) -> str:
    return stem.removeprefix(next(one for one in _PREFIXES if stem.startswith(one)))


def _written(
    told: Iterable[tuple[str, dict[str, Tensor]]], names: Iterable[str]
) -> dict[str, Tensor]:
    """Without alphas: what they say of the strength is in the weights then."""
    inner, outer = (f".lora_{name}.weight" for name in names)
    written = {}
    for layer, one in told:
        share = float(one["alpha"]) / one["A"].shape[0] if "alpha" in one else 1.0
        written[layer + inner] = one["A"]
        written[layer + outer] = one["B"] * share if share != 1.0 else one["B"]
    return written
