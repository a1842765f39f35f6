"""Judging by a guard model through vLLM: what it writes, as OpenAI's categories and scores.

Qwen3Guard answers in two lines, ``Safety: Unsafe`` and ``Categories: Violent``; the words are its
makers': https://huggingface.co/Qwen/Qwen3Guard-Gen-8B.
"""

from __future__ import annotations

import asyncio
import math
import re
from typing import TYPE_CHECKING, Any, ClassVar, Final

from pilotlight import InvalidInput, Problem, Worker, WorkerError
from pilotlight.contracts.tasks.chat import Chat, Message, TextPart
from pilotlight.contracts.tasks.moderation import CATEGORIES, Judgement, Moderated, Moderation

if TYPE_CHECKING:
    from collections.abc import Coroutine, Mapping, Sequence

    from pilotlight import Context
    from pilotlight.contracts.tasks.chat import Choice
    from workers.engines.vllm.engine import Vllm
    from workers.engines.vllm.served import Served

MEANS: Final[Mapping[str, tuple[str, ...]]] = {
    "Violent": ("violence",),
    "Non-violent Illegal Acts": ("illicit",),
    "Sexual Content or Sexual Acts": ("sexual",),
    "PII": ("personal-data",),
    "Suicide & Self-Harm": ("self-harm",),
    "Unethical Acts": ("harassment", "hate"),
    "Politically Sensitive Topics": ("politics",),
    "Copyright Violation": ("copyright",),
    "Jailbreak": ("jailbreak",),
}
"""Its categories, in OpenAI's words where those have one. It does not tell harassment from hate."""
ALL: Final = (*CATEGORIES, *sorted({own for many in MEANS.values() for own in many}
                                   - set(CATEGORIES)))  # fmt: skip
HARM: Final[Mapping[str, float]] = {"Safe": 0.0, "Controversial": 0.5, "Unsafe": 1.0}
"""What is controversial is half as harmful: it is scored, and alone it is not flagged."""
FLAG_ABOVE: Final = 0.5
_LABEL: Final = re.compile(r"Safety:\s*(Safe|Unsafe|Controversial)\b")
_NAMED: Final = re.compile("|".join(re.escape(name) for name in MEANS))
LONGEST: Final = 64
"""Tokens of an answer; all categories at once are 40."""


class Unreadable(WorkerError):
    """The model wrote something that is no judgement."""


def judgement(text: str, likelihoods: Sequence[Mapping[str, Any]] = ()) -> Judgement:
    """What the model wrote, with OpenAI's ``logprobs`` of its tokens for the scores.

    Raises Unreadable for what has no label.
    """
    found = _LABEL.search(text)
    if found is None:
        raise Unreadable(f"the guard model wrote {text[:80]!r}")
    harm = harmfulness(found.group(1), likelihoods)
    named = {own for name in _NAMED.findall(text[found.end() :]) for own in MEANS[name]}
    scores = {name: harm if name in named else 0.0 for name in ALL}
    flags = {name: score > FLAG_ABOVE for name, score in scores.items()}
    return Judgement(flagged=harm > FLAG_ABOVE, categories=flags, category_scores=scores)


def harmfulness(label: str, likelihoods: Sequence[Mapping[str, Any]] = ()) -> float:
    """0 to 1: the label it chose, weighed against those it might have chosen instead."""
    for token in likelihoods:
        if label.startswith(str(token["token"]).strip() or "-"):
            others = token.get("top_logprobs") or [token]
            chances = dict.fromkeys(HARM, 0.0)
            for other in others:
                for name in _labels_begun(str(other["token"]).strip()):
                    chances[name] += math.exp(other["logprob"])
            total = sum(chances.values())
            if total:
                return sum(HARM[name] * chance for name, chance in chances.items()) / total
    return HARM[label]


def _labels_begun(text: str) -> list[str]:
    """The label that a token begins; a token that could begin two begins none."""
    begun = [name for name in HARM if text and name.startswith(text)]
    return begun if len(begun) == 1 else []


class Guarding(Worker[Moderation, Moderated]):
    """One judgement for each text of ``input``, one for the whole of ``messages``."""

    model: ClassVar[Served]

    def load(self) -> Coroutine[Any, Any, None]:
        self.engine: Vllm = self.model.engine()
        return self.engine.load()

    async def run(self, job_input: Moderation, context: Context) -> Moderated:  # noqa: ARG002 - too quick to report
        """All at once, so that they share a batch. Raises InvalidInput for pictures."""
        asked = conversations(job_input)
        return Moderated(results=await asyncio.gather(*map(self._judged, asked)))

    async def _judged(self, messages: list[Message]) -> Judgement:
        chat = Chat(
            messages=messages, temperature=0, max_tokens=LONGEST, logprobs=True, top_logprobs=20
        )
        said: Choice | None = None
        async for told in self.engine.chat(chat, seed=0, live=False):
            said = told.choices[0]
        assert said is not None
        tokens = (said.logprobs or {}).get("content") or ()
        return judgement(said.message.content or "", tokens)


def conversations(asked: Moderation) -> list[list[Message]]:
    """What the model is asked, a conversation for each judgement."""
    given = [asked.input] if isinstance(asked.input, str) else asked.input or []
    texts = [
        one if isinstance(one, str) else _text(one, ("input", at)) for at, one in enumerate(given)
    ]
    found = [[Message(role="user", content=text)] for text in texts]
    if asked.messages:
        found.append([_plain(one, at) for at, one in enumerate(asked.messages)])
    return found


def _plain(message: Message, at: int) -> Message:
    content = message.content
    if isinstance(content, list):
        content = "\n".join(
            _text(part, ("messages", at, "content", n)) for n, part in enumerate(content)
        )
    return Message(role=message.role, content=content or "")


def _text(part: Any, place: tuple[str | int, ...]) -> str:
    if not isinstance(part, TextPart):
        words = "this guard model reads text only"
        raise InvalidInput(words, Problem(("body", *place), words, "value_error"))
    return part.text
