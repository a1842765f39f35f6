"""Any diffusers pipeline out of its declaration: read once, shared by all ways to call it."""

from __future__ import annotations

import importlib
import inspect
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from pilotlight import WeightsMissing, stage
from workers.engines import room, weights
from workers.engines.diffusers.adaptations import Adaptations
from workers.engines.quiet import quiet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from workers.engines.diffusers.declared import Adaptation, Diffused, Part, Way

EIGHT_BITS: Final = "fp8"
_TRANSFORMERS: Final = ("transformer", "transformer_2")


def load(model: Diffused) -> Pipes:
    """On the GPU where there is one, else on the processor in float32.

    Safetensors only. Raises WeightsMissing where the repository or folder cannot be read.
    """
    with stage("imports"):
        _allocate_in_pieces_that_grow()
        import torch

        with quiet():
            kind = pipeline_class(model.pipeline)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    with stage("weights") as reading, quiet():
        parts = _parts(model, device, reading.progress)
        files = {"variant": model.files} if model.files else {}
        pipe = _read(kind, model.repo, model.revision, reading.progress, **parts, **files,
                     dtype=_dtypes(model, device))  # fmt: skip
    with stage("device") if device != "cpu" else nullcontext():
        _make_way(pipe, device)
        _arrange(pipe, model, dtype(model, device))
        pipe.to(device)
    if model.adaptation:
        with stage("weights") as melting, quiet():
            _melt(pipe, model.adaptation, melting.progress)
    pipe.set_progress_bar_config(disable=True)
    return Pipes(model, pipe, device)


def _allocate_in_pieces_that_grow() -> None:
    """Jobs of ever other sides would leave a GPU's memory in holes that no picture fits into
    (https://docs.pytorch.org/docs/stable/notes/cuda.html#memory-management). Read at the first
    import of torch; what the owner says stays."""
    import os

    settings = os.environ  # noqa: TID251 - the library's, not ours
    if not {"PYTORCH_ALLOC_CONF", "PYTORCH_CUDA_ALLOC_CONF"} & set(settings):
        settings["PYTORCH_ALLOC_CONF"] = "expandable_segments:True"


def pipeline_class(name: str) -> Any:
    """Of diffusers, or ``module:Class`` of ours."""
    module, _, kind = name.rpartition(":")
    return getattr(importlib.import_module(module or "diffusers"), kind)


@dataclass
class Pipes:
    """A loaded model. Not for two threads at once."""

    model: Diffused
    base: Any
    device: str
    _made: dict[tuple[str, str], Any] = field(default_factory=dict)
    _variants: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.adaptations = Adaptations(self.base)

    def of(self, way: Way) -> Any:
        """The pipeline of a way; it has the parts of the loaded one, and costs no memory."""
        key = way.pipeline, way.variant
        if key not in self._made:
            with quiet():
                self._made[key] = self._make(way)
            self._made[key].set_progress_bar_config(disable=True)
        return self._made[key]

    def park(self) -> bool:
        """Off the GPU, into the machine's memory, with every byte that was taken there; False, and
        nothing is moved, where that has no room."""
        import gc

        import torch

        parts = [one for one in self.base.components.values() if hasattr(one, "parameters")]
        if not room.holds([*parts, *self._variants.values()]):
            return False
        self._move("cpu")
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        return True

    def wake(self) -> None:
        """Back to where it works."""
        self._move(self.device)

    @contextmanager
    def parked(self) -> Iterator[None]:
        """Adaptations are read and parts are called in one by one without the whole on the GPU,
        where the machine's memory has room for it."""
        parked = self.park()
        try:
            yield
        finally:
            if parked:
                self.wake()

    def _move(self, device: str) -> None:
        with quiet():
            self.base.to(device)
        for part in self._variants.values():
            part.to(device)

    def _make(self, way: Way) -> Any:
        if way.pipeline == self.model.pipeline and not way.variant:
            return self.base
        kind = pipeline_class(way.pipeline)
        takes = set(inspect.signature(kind.__init__).parameters)
        facts = {name: value for name, value in self.base.config.items()
                 if name in takes and not isinstance(value, (tuple, list))}  # fmt: skip
        parts = {name: part for name, part in self.base.components.items() if name in takes}
        if way.variant:
            parts["transformer"] = self._transformer(way.variant)
        return kind(**facts | parts)

    def _transformer(self, variant: str) -> Any:
        if variant not in self._variants:
            part = read_part(self.model.variants[variant], dtype(self.model, self.device), _unheard)
            if self.device != "cpu":
                part.to(self.device)
            _arrange_transformer(part, self.model, dtype(self.model, self.device))
            self._variants[variant] = part
        return self._variants[variant]


def dtype(model: Diffused, device: str) -> Any:
    """In which its weights are held there."""
    import torch

    return getattr(torch, model.dtype) if device != "cpu" else torch.float32


def _dtypes(model: Diffused, device: str) -> Any:
    import torch

    kind = dtype(model, device)
    return {**dict.fromkeys(model.full_parts, torch.float32), "default": kind} if (
        model.full_parts
    ) else kind  # fmt: skip


def _parts(model: Diffused, device: str, told: Callable[[float], None]) -> dict[str, Any]:
    kind = dtype(model, device)
    return {name: read_part(part, kind, told) for name, part in model.parts.items()}


def read_part(part: Part, kind: Any, told: Callable[[float], None]) -> Any:
    """On the processor. Raises WeightsMissing."""
    import diffusers
    import transformers

    found = getattr(transformers, part.kind, None) or getattr(diffusers, part.kind)
    read = _read(found, part.repo, part.revision, told, **_about(part, found, kind))
    if part.attention:
        _attend(read, part.attention)
    return read


def _attend(part: Any, backend: str) -> None:
    """By a backend of its own: diffusers would make it that of every other model as well."""
    import torch
    from diffusers.models.attention_dispatch import attention_backend

    with attention_backend("native"):  # what was, is again when the block is left
        part.set_attention_backend(backend)
    if torch.cuda.is_available():
        part.compile(dynamic=True)  # FlexAttention without a compiler writes out every score


def _about(part: Part, found: Any, kind: Any) -> dict[str, Any]:
    """A tokenizer has no numbers; a model's are of a kind, and never a pickle."""
    import torch

    more = {"subfolder": part.subfolder} if part.subfolder else {}
    if issubclass(found, torch.nn.Module):
        more["dtype"] = kind
        return {"use_safetensors": True, **more, **part.arguments}
    return {**more, **part.arguments}


def _read(kind: Any, repo: str, revision: str, told: Callable[[float], None], **more: Any) -> Any:
    """Raises WeightsMissing."""
    place, how = _place(repo, revision, told)
    if hasattr(kind, "load_config") and "use_safetensors" not in more:
        more["use_safetensors"] = True
    try:
        return kind.from_pretrained(place, **how, **more)
    except OSError as error:
        raise WeightsMissing(f"{repo} cannot be read: {error}"[:2000]) from error


def _melt(pipe: Any, lora: Adaptation, told: Callable[[float], None]) -> None:
    """What callers bring is added to the sum, and costs no more than without."""
    place, how = _place(lora.repo, lora.revision, told)
    path = PurePosixPath(lora.file)
    within = {"subfolder": str(path.parent)} if path.parent.name else {}
    try:
        pipe.load_lora_weights(
            place, weight_name=path.name, use_safetensors=True, adapter_name="own", **within, **how
        )
    except OSError as error:
        raise WeightsMissing(
            f"{lora.file} of {lora.repo} cannot be read: {error}"[:2000]
        ) from error
    pipe.fuse_lora(adapter_names=["own"])
    pipe.unload_lora_weights()


def _place(repo: str, revision: str, told: Callable[[float], None]) -> tuple[str, dict[str, Any]]:
    """A folder or what S3 has, read in parallel before, or the hub; and how to read from there."""
    snapshot = _snapshot(repo, revision)
    here = urlsplit(snapshot).scheme == "s3" or Path(snapshot).is_dir()
    pinned = {} if here or not revision else {"revision": revision}
    return _brought(snapshot, told) if here else snapshot, {"local_files_only": here, **pinned}


def _snapshot(repo: str, revision: str) -> str:
    """Where a hub's cache has it, on a machine that may ask no hub: a container, whose weights
    were published with ``infra.weights``. Read in parallel from there, as from any folder."""
    from huggingface_hub import constants, snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    if urlsplit(repo).scheme or Path(repo).is_dir() or not constants.HF_HUB_OFFLINE:
        return repo
    try:
        return snapshot_download(repo, revision=revision or None, local_files_only=True)
    except LocalEntryNotFoundError:
        at = f" at {revision}" if revision else ""
        raise WeightsMissing(f"{repo}{at} is not in the hub's cache of this machine") from None


def _brought(place: str, told: Callable[[float], None]) -> str:
    """A folder without weights, such as a tokenizer's, has nothing to be read before."""
    folder = Path(place)
    if folder.is_dir() and next(folder.rglob(f"*{weights.SUFFIX}"), None) is None:
        return place
    return str(weights.bring(place, told=told))


def _make_way(pipe: Any, device: str) -> None:
    """The readers and the autoencoder leave the machine's memory before a transformer is written
    anew in it, in eight bits: smaller machines have no room for all of them."""
    for name, part in pipe.components.items():
        if name not in _TRANSFORMERS and hasattr(part, "parameters"):
            part.to(device)


def _arrange(pipe: Any, model: Diffused, kind: Any) -> None:
    if model.schedule:
        pipe.scheduler = type(pipe.scheduler).from_config(pipe.scheduler.config, **model.schedule)
    if model.batch.cost and hasattr(pipe.vae, "use_slicing"):
        pipe.vae.enable_slicing()  # pictures that share a call are decoded one after the other
    for name in _TRANSFORMERS:
        part = getattr(pipe, name, None)
        if part is not None:
            _arrange_transformer(part, model, kind)


def _arrange_transformer(part: Any, model: Diffused, kind: Any) -> None:
    """As it is kept in memory. Some of its weights may be in float32 whatever the others are: in
    which ``kind`` it works is not seen from one of them."""
    import torch

    if model.quantisation == EIGHT_BITS:
        part.enable_layerwise_casting(storage_dtype=torch.float8_e4m3fn, compute_dtype=kind)


def _unheard(_share: float) -> None:
    """A variant is read in the middle of a job, that has its own progress."""
