"""Answers questions about drawn shapes: a model of 2 MB trained by ``training/vision``.

Small and honest: it knows eleven colours, six shapes, nine places and numbers up to six. It says
so when it is asked for anything else, and guesses when it is shown a photograph.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

from pilotlight import Context, Endpoint, InvalidInput, Problem, Worker, WorkerSpec
from pilotlight.contracts.tasks.chat import (
    Answer,
    Choice,
    Completion,
    ImagePart,
    Since,
    TextPart,
    VisionChat,
)
from pilotlight.contracts.tasks.usage import Usage
from workers.engines.language.turn import settled
from workers.engines.media import pictures
from workers.engines.sight.picture_answers import PictureAnswers
from workers.engines.sight.picture_network import GRID
from workers.engines.sight.question_words import sentence

if TYPE_CHECKING:
    from collections.abc import Generator

WEIGHTS: Final = Path(__file__).parent / "vision-answers" / "answers.safetensors"
UNASKED: Final = "What is in this picture?"
"""What a picture without words is taken to ask."""


class Beholder(Worker[VisionChat, Completion]):
    spec: ClassVar = WorkerSpec(
        name="vision",
        endpoints=(
            Endpoint(
                id="pilotlight/vision",
                task="openai/chat-completion/vision",
                input=VisionChat,
                output=Completion,
                description="What colour, what shape, where, how many: about drawn shapes.",
                streams=True,
            ),
        ),
        gpu_memory_gib=0,
        timeout_s=120,
        jobs_per_replica=8,
    )

    def load(self) -> None:
        self.model = PictureAnswers(WEIGHTS)

    def run(
        self, job_input: VisionChat, context: Context
    ) -> Generator[Completion, None, Completion]:
        """Always the likeliest words, whatever the temperature: an attempt repeats itself.

        Raises InvalidInput for a conversation without a picture, and for what it cannot do.
        """
        _refuse(job_input)
        url, question = _asked(job_input)
        turn = _Turn(job_input, prompt=len(self.model.read(question)) + GRID * GRID)
        picture = pictures.picture(context.input_file(url), "messages")
        for word in self.model.answer(picture, question):
            news = turn.add(word)
            if news is not None and context.streaming:
                yield news
            if turn.ended:
                break
        return turn.whole()


class _Turn:
    """One answer on its way; all ``n`` choices are the same."""

    def __init__(self, asked: VisionChat, *, prompt: int) -> None:
        self._n, self._prompt, self._words = asked.n, prompt, list[str]()
        self._stops = _stops(asked)
        self._limit = asked.max_completion_tokens or asked.max_tokens
        self._text, self.ended = "", ""

    def add(self, word: str) -> Completion | None:
        """What stands since the last word, where that is anything."""
        self._words.append(word)
        before = len(self._text)
        self._text, stopped = settled(sentence(self._words), self._stops)
        if stopped:
            self.ended = "stop"
        elif len(self._words) == self._limit:
            self.ended, self._text = "length", sentence(self._words)
        if len(self._text) == before:
            return None
        return Completion(choices=self._choices(self._text[before:], Since(content=before)))

    def whole(self) -> Completion:
        """With its usage; a picture counts as many tokens as it has places."""
        if not self.ended:
            self._text = sentence(self._words)
        written = self._n * len(self._words)
        return Completion(
            choices=self._choices(self._text, None),
            usage=Usage(
                prompt_tokens=self._prompt,
                completion_tokens=written,
                total_tokens=self._prompt + written,
            ),
        )

    def _choices(self, text: str, since: Since | None) -> list[Choice]:
        reason: Any = self.ended or "stop"
        return [
            Choice(index=n, message=Answer(content=text), finish_reason=reason, since=since)
            for n in range(self._n)
        ]


def _asked(chat: VisionChat) -> tuple[str, str]:
    """The last picture anybody sent, and what the last turn says about it."""
    url, question = "", ""
    for message in chat.messages:
        question = message.content if isinstance(message.content, str) else ""
        if isinstance(message.content, list):
            question = " ".join(part.text for part in message.content if isinstance(part, TextPart))
            for part in message.content:
                url = part.image_url.url if isinstance(part, ImagePart) else url
    if not url:
        raise _wrong("messages", "this model answers about a picture; add an image_url part")
    return url, question.strip() or UNASKED


def _refuse(chat: VisionChat) -> None:
    if chat.tools and chat.tool_choice != "none":
        raise _wrong("tools", "this model cannot call any")
    if chat.logprobs:
        raise _wrong("logprobs", "this model does not tell them")
    if chat.response_format is not None and chat.response_format.type != "text":
        raise _wrong("response_format", "this model writes plain sentences only")
    if "" in _stops(chat):
        raise _wrong("stop", "must not be empty")


def _stops(chat: VisionChat) -> list[str]:
    return [chat.stop] if isinstance(chat.stop, str) else chat.stop or []


def _wrong(name: str, words: str) -> InvalidInput:
    return InvalidInput(f"{name}: {words}", Problem(("body", name), words, "value_error"))


WORKER = Beholder
