"""Whether a LoRA is for this model, before anything of it is added.

diffusers would rather have the model fit: for the sake of FLUX's Control LoRAs its loader widens
layers and overwrites norms, for good, and every later picture would pay for one caller's file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

_INNER, _OUTER = ".lora_A.weight", ".lora_B.weight"


def misfit(pipe: Any, weights: Mapping[str, Tensor]) -> str:
    """What is wrong with ``weights``, in words for who sent them; empty where nothing is.

    Layers that the model does not have are left out, as diffusers does. Raises whatever its
    converters raise for a file that is none of theirs.
    """
    told = pipe.lora_state_dict(dict(weights))
    layers = told[0] if isinstance(told, tuple) else told  # Stable Diffusion's says more
    sides: dict[str, dict[str, tuple[int, ...]]] = {}
    for name, part in _parts(pipe).items():
        sides[name] = {
            key.replace(".base_layer", ""): tuple(value.shape)
            for key, value in part.named_parameters()
        }
    for key, tensor in layers.items():
        first, _, rest = key.partition(".")
        known = sides.get(first) or next(iter(sides.values()))
        inside = rest if first in sides else key
        if inside in known:
            return f"would overwrite {inside}, which belongs to the model itself"
        if inside.endswith(_INNER):
            words = _layer(inside.removesuffix(_INNER), known, tensor, layers, key)
            if words:
                return words
    return ""


def _layer(
    layer: str,
    known: Mapping[str, tuple[int, ...]],
    inner: Tensor,
    layers: Mapping[str, Tensor],
    key: str,
) -> str:
    other = key.removesuffix(_INNER) + _OUTER
    if other not in layers:
        return f"has no {other}"
    there = known.get(f"{layer}.weight")
    fits = layers[other].shape[0], inner.shape[1]
    if there is None or there[:2] == fits:
        return ""
    return (
        f"is for another model: {layer} is {there[0]} x {there[1]} here and {fits[0]} x {fits[1]} "
        "there"
    )


def _parts(pipe: Any) -> dict[str, Any]:
    """What adaptations are added to; the first takes the layers that name none."""
    names = ("transformer", "unet", "text_encoder", "text_encoder_2")
    found = {name: getattr(pipe, name, None) for name in names}
    return {name: part for name, part in found.items() if part is not None}
