"""What Moondream's repository brings, in its shape and very small: code of its own that transformers runs.

The calls are those of its page, https://huggingface.co/moondream/moondream3-preview; the network has
random weights, so what it sees is arbitrary and always the same.
"""

from dataclasses import dataclass

import tokenizers
import torch
from transformers import PretrainedConfig, PreTrainedModel

WORDS = ("a", "red", "ship", "two", "sea", "sun", "no", "yes")


class HfConfig(PretrainedConfig):
    model_type = "moondream3"


@dataclass(frozen=True)
class EncodedImage:
    seen: torch.Tensor


class Network(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.vision = torch.nn.Conv2d(3, 16, kernel_size=8, stride=8)
        self.words = torch.nn.Embedding(len(WORDS), 16)
        self.region = torch.nn.Linear(16, 4)
        self.head = torch.nn.Linear(16, len(WORDS))
        vocabulary = {word: number for number, word in enumerate((*WORDS, "[UNK]"))}
        self.tokenizer = tokenizers.Tokenizer(
            tokenizers.models.WordLevel(vocabulary, unk_token="[UNK]")
        )
        self.tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()


class HfMoondream(PreTrainedModel):
    config_class = HfConfig

    def __init__(self, config):
        super().__init__(config)
        self.model = Network()
        self.compiled = False
        self.post_init()

    def compile(self):
        self.compiled = True

    def encode_image(self, image):
        small = image.resize((64, 64))
        pixels = torch.frombuffer(bytearray(small.tobytes()), dtype=torch.uint8).view(64, 64, 3)
        pixels = pixels.permute(2, 0, 1).to(self.model.vision.weight.dtype) / 255
        return EncodedImage(self.model.vision(pixels).mean((1, 2)))

    def _asked(self, image, what):
        numbers = [one for one in self.model.tokenizer.encode(what).ids if one < len(WORDS)]
        return image.seen + self.model.words.weight[numbers].sum(0)

    @torch.inference_mode()
    def detect(self, image, object, settings=None):  # noqa: A002 - its makers' word
        left, top, width, height = self.model.region(self._asked(image, object)).sigmoid().tolist()
        return {"objects": [{"x_min": left, "y_min": top, "x_max": left + (1 - left) * width,
                             "y_max": top + (1 - top) * height}]}  # fmt: skip

    @torch.inference_mode()
    def point(self, image, object, settings=None):  # noqa: A002
        x, y, *_ = self.model.region(self._asked(image, object)).sigmoid().tolist()
        return {"points": [{"x": x, "y": y}]}

    @torch.inference_mode()
    def caption(self, image, length="normal", stream=False, settings=None):
        count = {"short": 2, "normal": 4, "long": 8}[length]
        return {"caption": self._said(image, "a", count, settings)}

    @torch.inference_mode()
    def query(self, image=None, question=None, reasoning=True, stream=False, settings=None):
        told = {"answer": self._said(image, question, 1, settings)}
        thought = {"text": self._said(image, question, 3, settings), "grounding": []}
        return {"reasoning": thought, **told} if reasoning else told

    def _said(self, image, question, count, settings):
        assert set(settings) <= {"temperature", "top_p", "max_tokens"}
        likely = self.model.head(self._asked(image, question)).topk(min(count, len(WORDS))).indices
        return " ".join(WORDS[number] for number in likely.tolist())
