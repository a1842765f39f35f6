"""Workers whose model first looks at the pictures and says in its own words what to draw."""

from __future__ import annotations

import dataclasses
import re
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, ClassVar, Final

from pilotlight import Context, stage
from workers.engines.diffusers import loading
from workers.engines.diffusers.memory import bounded
from workers.engines.diffusers.pictures import Painting, heed
from workers.engines.quiet import quiet

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from PIL.Image import Image

    from workers.engines.diffusers.declared import Part
    from workers.engines.diffusers.wishes import Wish

MOST_TOKENS: Final = 4096
"""As many as the makers of DreamOmni2 let theirs say."""
_PATCH: Final = "<|image_pad|>"
_TAGGED: Final = re.compile(r"\s*<(\w+)>(.*?)(?:</\1>\s*)?", re.DOTALL)


class Rephrasing(Painting):
    """With a reader, that sees what the pipeline is to see."""

    taught: ClassVar[str]
    """What follows each wish in the reader's training."""

    def load(self) -> None:
        super().load()
        if self.model.reader is None:
            raise ValueError(f"{type(self).__name__}.model declares no reader")
        pipes = self.easel.pipes
        with stage("weights") as reading, quiet():
            self.reader = Reader.read(
                self.model.reader, loading.dtype(self.model, pipes.device), pipes.device,
                reading.progress,
            )  # fmt: skip

    def understood(self, asked: Wish, context: Context) -> Wish:
        """Raises Cancelled and OutOfMemory. Where memory is short one of the two is there at a time."""
        context.progress(0, "reading the pictures")
        seen = asked.words[asked.way.several_as]
        wanted = asked.prompt + self.taught
        with self.easel.pipes.parked() if context.low_memory else nullcontext():
            said = bounded(lambda: self.reader.says(seen, wanted, lambda: heed(context)))
            if context.low_memory:
                self.reader.move("cpu")
        prompt = said or asked.prompt
        context.log(f"drawn as: {prompt}")
        return dataclasses.replace(asked, prompt=prompt)

    def park(self) -> bool:
        if not super().park():
            return False
        self.reader.move("cpu")
        return True


@dataclasses.dataclass
class Reader:
    """A Qwen2.5-VL that was taught to put wishes about pictures into words. One caller at a time."""

    model: Any
    tokenizer: Any
    eyes: Any
    device: str

    @classmethod
    def read(cls, part: Part, dtype: Any, device: str, told: Callable[[float], None]) -> Reader:
        """All three lie in one folder. Raises WeightsMissing."""
        words = dataclasses.replace(part, kind="AutoTokenizer", arguments={})
        # By Pillow: the other kind wants torchvision.
        eyes = dataclasses.replace(part, kind="AutoImageProcessor", arguments={"backend": "pil"})
        model, tokenizer, seer = (
            loading.read_part(one, dtype, told) for one in (part, words, eyes)
        )
        return cls(model.eval(), tokenizer, seer, device)

    def move(self, device: str) -> None:
        """Where it lies; it works on its own device, and goes there when it is asked."""
        self.model.to(device)

    def says(self, pictures: Sequence[Image], wish: str, check: Callable[[], None]) -> str:
        """Greedily: for equal wishes equal words. ``check`` is called at every token, and may raise."""
        import torch

        from workers.engines.diffusers.several import suited

        self.move(self.device)
        seen = self.eyes(images=[one.resize(suited(one.size)) for one in pictures],
                         return_tensors="pt")  # fmt: skip
        patches = seen["image_grid_thw"].prod(-1) // self.eyes.merge_size**2
        looks = [f"<|vision_start|>{_PATCH * int(count)}<|vision_end|>" for count in patches]
        # A caller's own marks are words like others.
        content = "".join(looks) + wish.replace("<|", "< |")
        text = self.tokenizer.apply_chat_template(
            [{"role": "user", "content": content}], tokenize=False, add_generation_prompt=True
        )
        words = self.tokenizer(text, return_tensors="pt")
        there = words["input_ids"] == self.tokenizer.convert_tokens_to_ids(_PATCH)
        heard = {**words, **seen, "mm_token_type_ids": there.int()}

        def heard_at_every_token(*_tokens: Any, **_more: Any) -> bool:
            check()
            return False

        with torch.inference_mode(), quiet():
            said = self.model.generate(
                **{name: one.to(self.device) for name, one in heard.items()},
                do_sample=False,
                max_new_tokens=MOST_TOKENS,
                stopping_criteria=[heard_at_every_token],
            )
        new = said[0, there.shape[1] :]
        return untagged(self.tokenizer.decode(new, skip_special_tokens=True))


def untagged(said: str) -> str:
    """DreamOmni2's reader says it between tags, of which the closing one may not have come."""
    found = _TAGGED.fullmatch(said)
    return (found[2] if found else said).strip()
