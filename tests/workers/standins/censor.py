"""Finds rude words, and flags every picture that is larger than a kilobyte."""

from __future__ import annotations

from typing import ClassVar

from pilotlight import Context, Endpoint, Worker, WorkerSpec
from pilotlight.contracts.tasks.chat import ImagePart, TextPart
from pilotlight.contracts.tasks.moderation import CATEGORIES, Judgement, Moderated, Moderation

RUDE = {"fool": "harassment", "stab": "violence"}


class Censor(Worker[Moderation, Moderated]):
    spec: ClassVar = WorkerSpec(
        name="censor",
        endpoints=(
            Endpoint(
                id="tests/censor",
                task="openai/chat-completion/moderation",
                input=Moderation,
                output=Moderated,
            ),
        ),
        gpu_memory_gib=0,
    )

    def run(self, job_input: Moderation, context: Context) -> Moderated:
        given = job_input.input
        texts = [given] if isinstance(given, str) else given or []
        return Moderated(results=[self._judged(one, context) for one in texts])

    def _judged(self, one: object, context: Context) -> Judgement:
        if isinstance(one, ImagePart):
            large = context.input_file(one.image_url.url).stat().st_size > 1024
            found = {"sexual"} if large else set()
        else:
            text = one.text if isinstance(one, TextPart) else str(one)
            found = {RUDE[word] for word in text.lower().split() if word in RUDE}
        return Judgement(
            flagged=bool(found),
            categories={name: name in found for name in CATEGORIES},
            category_scores={name: float(name in found) for name in CATEGORIES},
        )


WORKER = Censor
