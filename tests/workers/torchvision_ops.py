"""``-p tests.workers.torchvision_ops``: torchvision beside a torch for the processor.

The only published builds want CUDA's libraries for operators that nothing here calls; once their names are
known to torch, the Python part of the package imports and works.
"""

from __future__ import annotations

import torch

_NAMES = torch.library.Library("torchvision", "DEF")
for _name in ("nms", "qnms"):
    _NAMES.define(f"{_name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
