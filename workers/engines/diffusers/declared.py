"""What an owner wants to know of a diffusers model before a GPU is rented for it, and how its
pipelines are called. Plain values: nothing heavy is imported to read them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

MEGAPIXEL: Final = 1_000_000
Preview = Literal["", "packed", "plain"]
Size = tuple[int, int]
"""Width and height in pixels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A component of a pipeline that lies in a repository of its own."""

    repo: str
    kind: str
    """Class of transformers or diffusers, such as ``LlamaForCausalLM``."""
    subfolder: str = ""
    revision: str = ""
    arguments: Mapping[str, Any] = field(default_factory=dict)
    attention: str = ""
    """Backend of diffusers that a transformer cannot do without."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Adaptation:
    """A LoRA that belongs to the model: it is melted into the weights when they are loaded."""

    repo: str
    file: str
    """Its path in the repository."""
    revision: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much of other jobs one call of the pipeline may do at the same time.

    By cost, not by count: four small pictures of four steps are not four large ones of fifty.
    """

    cost: float = 0.0
    """Megapixels times steps of one call; what does not fit waits for the next. 0: one at a time.
    It bounds what a job can lose to those that share its call."""
    megapixels: float = 4.0
    """Of one call: what the memory beside the weights has room for."""
    linger_s: float = 0.005
    """So long a call waits for company."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One pipeline class over the model's weights, and its words for what callers say.

    A word that is empty is one that the pipeline does not have: what callers say of it is not
    passed on.
    """

    pipeline: str
    """Class of diffusers, or ``module:Class`` of one of ours."""
    steps: int
    guidance: float | None
    """None: not said, and callers' is not heard; distilled models have none."""
    guidance_as: str = "guidance_scale"
    size: Size = (1024, 1024)
    """Where callers say nothing."""
    multiple: int = 16
    """Of which both sides are."""
    most_megapixels: float = 4.2
    negative: bool = False
    """It takes a negative prompt."""
    unwanted: str = " "
    """The negative prompt where callers say none."""
    image_as: str = ""
    several_as: str = ""
    """Takes the list of a caller's ``image_urls``."""
    most_pictures: int = 1
    """Of that list."""
    mask_as: str = ""
    reference_as: str = ""
    strength: float | None = None
    """None: it takes none."""
    own_area: bool = False
    """It scales what comes out to ``max_area`` by itself (Kontext)."""
    rate: int = 0
    """Frames a second as it was trained; 0: a picture."""
    rate_as: str = ""
    frames: int = 0
    frames_step: int = 4
    """It makes 1 + n times this many frames."""
    most_frames: int = 0
    variant: str = ""
    """Of the model's variants."""
    more: Mapping[str, Any] = field(default_factory=dict)
    """Said at every call."""

    @property
    def is_film(self) -> bool:
        return self.rate > 0

    @property
    def words(self) -> set[str]:
        """Every argument that a call may have."""
        told = {"prompt", "generator", "num_inference_steps", "callback_on_step_end",
                "width", "height", *self.more}  # fmt: skip
        maybe = {
            "negative_prompt": self.negative,
            self.guidance_as: self.guidance is not None,
            self.image_as: True,
            self.several_as: True,
            self.mask_as: True,
            self.reference_as: True,
            "strength": self.strength is not None,
            "num_frames": self.is_film,
            self.rate_as: True,
            "max_area": self.own_area,
        }
        return told | {word for word, there in maybe.items() if word and there}


@dataclass(frozen=True, slots=True, kw_only=True)
class Diffused:
    """A model behind diffusers."""

    repo: str
    """On the Hugging Face hub, a folder, or ``s3://bucket/folder/``."""
    licence: str
    """Of the weights, as their makers say."""
    pipeline: str
    """The class that is loaded; other ways share its parts."""
    gpu_memory_gib: float
    """Weights as they are loaded, with room for one picture or film at its default size."""
    revision: str = ""
    """Commit of the repository; empty: whatever is newest when it is fetched."""
    files: str = ""
    """The word in the names of the files that are read, such as ``fp16``; empty: those without."""
    dtype: str = "bfloat16"
    quantisation: Literal["bf16", "fp8"] = "bf16"
    """``fp8``: the transformer's layers are kept in eight bits and worked with in sixteen."""
    parts: Mapping[str, Part] = field(default_factory=dict)
    variants: Mapping[str, Part] = field(default_factory=dict)
    """Transformers that take the place of the pipeline's own, by the name that ways give."""
    adaptation: Adaptation | None = None
    reader: Part | None = None
    """A model that looks at the pictures and puts into words what is to be drawn, beside the
    pipeline; its tokenizer and image processor lie with it."""
    full_parts: tuple[str, ...] = ()
    """Components kept in float32, such as an autoencoder that loses too much otherwise."""
    loras: bool = True
    """Adaptations may be added."""
    schedule: Mapping[str, Any] = field(default_factory=dict)
    """Of the scheduler, where its makers draw with other numbers than the repository has."""
    cached: Mapping[str, float] = field(default_factory=dict)
    """``acceleration`` by level: how little the first block's result may differ from the step
    before for the others to be left out (first-block cache)."""
    preview: Preview = ""
    """How unfinished latents lie, where a follower can be shown them."""
    batch: Limits = Limits()
    jobs: int = 1
    """That may share a call: slots of a replica."""
    timeout_s: int = 900
    """For a job of four pictures that waits for those in the other slots: they share the GPU."""
    load_timeout_s: int = 1800
    keep_alive_s: int = 300

    def __post_init__(self) -> None:
        if self.jobs > 1 and not self.batch.cost:
            raise ValueError("several jobs share a replica only where they can share a call")

    @property
    def weights(self) -> dict[str, str]:
        """Every repository, with its commit."""
        beside = [one for one in (self.adaptation, self.reader) if one]
        parts = (*self.parts.values(), *self.variants.values(), *beside)
        return {self.repo: self.revision} | {one.repo: one.revision for one in parts}
