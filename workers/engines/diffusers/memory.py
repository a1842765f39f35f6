"""Out of memory in words the framework knows, and the room that a second try is given."""

from __future__ import annotations

import gc
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from pilotlight import OutOfMemory
from workers.engines import room

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ResultT = TypeVar("ResultT")

_SAID = (
    "can't allocate memory",  # DefaultCPUAllocator
    "CUDA error: out of memory",  # what is taken beside PyTorch's own store
    "CUBLAS_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_ALLOC_FAILED",
)
"""By PyTorch in a plain RuntimeError."""


def bounded(call: Callable[[], ResultT]) -> ResultT:
    """What ``call`` returns. Raises OutOfMemory, which is retried with ``context.low_memory``.

    By then what the call held is given back, so that the next job of this process finds room.
    """
    import torch

    try:
        return call()
    except torch.OutOfMemoryError as error:
        words = str(error)
    except RuntimeError as error:
        if not any(words in str(error) for words in _SAID):
            raise
        words = str(error)
    # Outside the handlers: until they are left, the traceback holds every tensor of the call.
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    raise OutOfMemory(words[:500] or "out of memory")


@contextmanager
def sparing(pipe: Any, device: str) -> Iterator[None]:
    """As little memory as the pipeline can do with, for as long as the block runs.

    The autoencoder works by tiles and picture by picture; on a GPU only the part at work is there,
    where the machine's memory has room for the others.
    """
    vae = getattr(pipe, "vae", None)
    # Every autoencoder has the methods; those that cannot do it raise in them.
    switched = [
        what for what in ("tiling", "slicing") if getattr(vae, f"use_{what}", True) is False
    ]
    for what in switched:
        getattr(vae, f"enable_{what}")()
    parts = [one for one in pipe.components.values() if hasattr(one, "parameters")]
    offloaded = device != "cpu" and room.holds(parts)
    if offloaded:
        pipe.enable_model_cpu_offload(device=device)
    try:
        yield
    finally:
        for what in switched:
            getattr(vae, f"disable_{what}")()
        if offloaded:
            pipe.remove_all_hooks()
            pipe.to(device)
