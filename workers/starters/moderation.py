"""Judges texts and pictures: by the nearest example sentences, and by Yahoo's open_nsfw.

Small and honest: it knows open insults, threats and the like in English, not hints and irony.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, ClassVar, Final

from pilotlight import Context, Endpoint, Worker, WorkerSpec
from pilotlight.contracts.tasks.chat import ImagePart, TextPart
from pilotlight.contracts.tasks.moderation import CATEGORIES, Judgement, Moderated, Moderation
from workers.engines.language.exemplars import HARMFUL, HARMLESS
from workers.engines.language.sentences import Sentences
from workers.engines.media import pictures
from workers.engines.sight.open_nsfw import OpenNsfw
from workers.engines.weights.carried import weights

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pilotlight.contracts.tasks.chat import Part

FLAG_AT: Final = 0.5
_STEEP: Final = 12.0
"""How fast a score goes from 0 to 1 with the difference of two cosines."""
_DOUBT: Final = 0.03
"""In doubt, a text is harmless."""
_TORN_OUT: Final = 0.1
"""The same for one passage of many: without the others "I will not come back." is a threat."""
_WORDS: Final = 40
"""Longest passage: as long as the longest of ordinary sentences."""
_ENDS: Final = re.compile(r"(?<=[.!?])\s+|\n+")
_FAR: Final = 0.3
"""A text nearer than this to none of the examples is like none of them."""


class Moderator(Worker[Moderation, Moderated]):
    spec: ClassVar = WorkerSpec(
        name="moderation",
        endpoints=(
            Endpoint(
                id="pilotlight/moderation",
                task="openai/chat-completion/moderation",
                input=Moderation,
                output=Moderated,
                description="Harassment, hate, violence and the like in English; nude pictures.",
            ),
        ),
        gpu_memory_gib=0,
        timeout_s=120,
    )

    def load(self) -> None:
        self.sentences = Sentences(weights("minilm"))
        self.nsfw = OpenNsfw()
        self.harmless = self.sentences.points(HARMLESS)[0]
        self.harmful = {name: self.sentences.points(some)[0] for name, some in HARMFUL.items()}

    def run(self, job_input: Moderation, context: Context) -> Moderated:
        """One judgement for each text, picture or message."""
        return Moderated(results=[self._judged(one, context) for one in _items(job_input)])

    def _judged(self, item: Part | str, context: Context) -> Judgement:
        if isinstance(item, ImagePart):
            scores = dict.fromkeys(CATEGORIES, 0.0)
            scores["sexual"] = self._picture(item.image_url.url, context)
        else:
            scores = self._text(item.text if isinstance(item, TextPart) else str(item))
        flags = {name: score >= FLAG_AT for name, score in scores.items()}
        return Judgement(flagged=any(flags.values()), categories=flags, category_scores=scores)

    def _text(self, text: str) -> dict[str, float]:
        """How much nearer its worst passage is to a category's examples than to the harmless ones.

        A text as a whole is near to what most of it says: one threat in a page would be lost.
        """
        whole, parts = self._leads([text], _DOUBT), self._leads(passages(text) or [text], _TORN_OUT)
        return {
            name: 1 / (1 + math.exp(-_STEEP * max(whole[name], parts[name]))) for name in CATEGORIES
        }

    def _leads(self, texts: list[str], doubt: float) -> dict[str, float]:
        """By category, of the text that has most. Short ones do not wait for a long one: a batch
        is as long as its longest."""
        points = self.sentences.points(texts)[0]
        calm = (points @ self.harmless.T).amax(1).clamp(min=_FAR) + doubt
        return {
            name: float(((points @ some.T).amax(1) - calm).max())
            for name, some in self.harmful.items()
        }

    def _picture(self, url: str, context: Context) -> float:
        return self.nsfw.score(pictures.picture(context.input_file(url), "input", mode="RGB"))


def passages(text: str) -> list[str]:
    """Its sentences, each once; one that goes on and on in stretches that overlap."""
    found: dict[str, None] = {}
    for sentence in filter(None, map(str.split, _ENDS.split(text))):
        last = max(1, len(sentence) - _WORDS // 2)
        for at in range(0, last, _WORDS // 2):
            found[" ".join(sentence[at : at + _WORDS])] = None
    return list(found)


def _items(asked: Moderation) -> Iterable[Part | str]:
    if isinstance(asked.input, str):
        yield asked.input
    else:
        yield from asked.input or ()
    for message in asked.messages or ():
        if isinstance(message.content, str):
            yield message.content
        else:
            yield from message.content or ()


WORKER = Moderator
