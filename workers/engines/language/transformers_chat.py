"""Conversations on the processor, through transformers: one loop, a token for each choice a round.

What a laptop needs, not what a GPU deserves: jobs take turns instead of sharing a batch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pilotlight import InvalidInput, Problem, stage
from pilotlight.contracts.tasks.chat import Completion, TextPart
from pilotlight.contracts.tasks.usage import Usage
from workers.engines.language.json_grammar import JsonGrammars
from workers.engines.language.next_token import Dials, likelihood
from workers.engines.language.turn import Turn
from workers.engines.quiet import quiet

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from pathlib import Path

    from torch import Tensor

    from pilotlight.contracts.tasks.chat import Chat, Choice, Message
    from workers.engines.language.json_grammar import Rail


class TransformersChat:
    """A loaded model. Safe to use from several threads."""

    def __init__(self, folder: Path, *, window: int, most_tokens: int) -> None:
        """``window``: tokens of a conversation. ``most_tokens`` ends an answer without a limit."""
        with stage("imports"):
            import torch
            from transformers import AutoModelForCausalLM, AutoTokenizer
        with stage("weights"), quiet():
            self._tokenizer: Any = AutoTokenizer.from_pretrained(folder, local_files_only=True)
            self._model: Any = AutoModelForCausalLM.from_pretrained(
                folder, local_files_only=True, use_safetensors=True, dtype=_precision()
            ).eval()
        torch.set_num_threads(1)  # a second one waits for the first after every small matrix
        self._torch = torch
        self._most_tokens = most_tokens
        self._usual = self._model.generation_config
        self._window = min(window, self._model.config.max_position_embeddings)
        self._grammars = JsonGrammars(self._tokenizer, size=self._model.config.vocab_size)

    def chat(
        self, asked: Chat, *, seed: int, live: bool
    ) -> Generator[Completion, None, Completion]:
        """A word after every token, with the news if ``live``; returns the whole.

        The same ``seed`` says the same, unless the caller brought one. Raises InvalidInput for
        what this model cannot do.
        """
        _refuse_tools(asked)
        prompt = self._prompt(asked)
        grammar = self._grammars.grammar(asked.response_format)
        limit = min(_limit(asked) or self._most_tokens, self._window - len(prompt))
        turns = [self._turn(asked, limit) for _ in range(asked.n)]
        rails = [self._grammars.follow(grammar) if grammar else None for _ in turns]
        writing = _Writing(self._torch, self._tokenizer, self._dials(asked), asked)
        chances = [self._chance(asked.seed if asked.seed is not None else seed, n)
                   for n in range(asked.n)]  # fmt: skip
        for scores in self._rounds(prompt, turns):
            for row, turn, rail, chance in zip(scores, turns, rails, chances, strict=True):
                if turn.ended is None:
                    writing.write(turn, row, rail, chance)
            yield Completion(choices=writing.news(turns) if live else [])
        return writing.whole(turns, prompt=len(prompt))

    def _rounds(self, prompt: list[int], turns: list[Turn]) -> Iterator[Tensor]:
        """Scores of the next token, a row for each turn, until all have ended."""
        told = self._torch.tensor([prompt])
        seen = self._forward(told, None)
        kept = seen.past_key_values
        kept.batch_repeat_interleave(len(turns))
        scores = seen.logits[:, -1].float().expand(len(turns), -1)
        yield scores
        while any(turn.ended is None for turn in turns):
            told = self._torch.tensor([[turn.tokens[-1]] for turn in turns])
            yield self._forward(told, kept).logits[:, -1].float()

    def _forward(self, told: Tensor, kept: Any) -> Any:
        with self._torch.inference_mode():
            return self._model(told, past_key_values=kept, use_cache=True, logits_to_keep=1)

    def _turn(self, asked: Chat, limit: int) -> Turn:
        stops = [asked.stop] if isinstance(asked.stop, str) else asked.stop or []
        if "" in stops:
            raise _wrong("stop", "must not be empty")
        ends = self._usual.eos_token_id
        ends = frozenset(ends if isinstance(ends, list) else [ends])
        return Turn(self._tokenizer.backend_tokenizer, stops, ends, limit)

    def _dials(self, asked: Chat) -> Dials:
        """What the caller left out is as the model's makers recommend."""
        return Dials(
            temperature=self._usual.temperature if asked.temperature is None else asked.temperature,
            top_p=self._usual.top_p if asked.top_p is None else asked.top_p,
            presence_penalty=asked.presence_penalty or 0,
            frequency_penalty=asked.frequency_penalty or 0,
        )

    def _chance(self, seed: int, choice: int) -> Any:
        return self._torch.Generator().manual_seed((seed + choice) % 2**63)

    def _prompt(self, asked: Chat) -> list[int]:
        """Raises InvalidInput for a conversation longer than the model can hold."""
        told = [_plain(message, index) for index, message in enumerate(asked.messages)]
        tokens: list[int] = self._tokenizer.apply_chat_template(
            told, add_generation_prompt=True, return_dict=True
        )["input_ids"]
        if len(tokens) >= self._window:
            # OpenAI's words: what shortens a conversation by itself looks for them.
            words = (
                f"this model's maximum context length is {self._window} tokens, its answer "
                f"included; these are {len(tokens)} tokens"
            )
            raise _wrong("messages", words, kind="context_length_exceeded")
        return tokens


class _Writing:
    """How every token of one job is chosen."""

    def __init__(self, torch: Any, tokenizer: Any, dials: Dials, asked: Chat) -> None:
        self._torch, self._tokenizer, self._dials = torch, tokenizer, dials
        self._logprobs, self._top = bool(asked.logprobs), asked.top_logprobs or 0

    def write(self, turn: Turn, scores: Tensor, rail: Rail | None, chance: Any) -> None:
        allowed = rail.allowed() if rail else None
        token = self._dials.pick(scores, turn.tokens, allowed, chance)
        told = None
        if self._logprobs:
            told = likelihood(scores, token, top=self._top, tokenizer=self._tokenizer)
        turn.add(token, told)
        if rail and rail.took(token) and turn.ended != "stop":
            turn.ended = "stop"

    def news(self, turns: list[Turn]) -> list[Choice]:
        return [turn.news(index, logprobs=self._logprobs) for index, turn in enumerate(turns)]

    def whole(self, turns: list[Turn], *, prompt: int) -> Completion:
        """With its usage: ``prompt`` tokens were read."""
        said = [turn.choice(index, logprobs=self._logprobs) for index, turn in enumerate(turns)]
        written = sum(len(turn.tokens) for turn in turns)
        usage = Usage(
            prompt_tokens=prompt, completion_tokens=written, total_tokens=prompt + written
        )
        return Completion(choices=said, usage=usage)


def _limit(asked: Chat) -> int | None:
    """The newer name of the two wins."""
    return asked.max_completion_tokens or asked.max_tokens


def _plain(message: Message, index: int) -> dict[str, str]:
    """Words only. Raises InvalidInput for pictures and sounds."""
    content = message.content
    if isinstance(content, list):
        for part, given in enumerate(content):
            if not isinstance(given, TextPart):
                raise _wrong(
                    "messages", "this model reads text only", index, "content", part, "type"
                )
        content = "\n".join(part.text for part in content if isinstance(part, TextPart))
    role = "system" if message.role == "developer" else message.role
    return {"role": role, "content": content or ""}


def _refuse_tools(asked: Chat) -> None:
    if asked.tools and asked.tool_choice != "none":
        raise _wrong("tools", "need the vLLM engine; run `make setup-vllm`")


def _wrong(name: str, words: str, *path: str | int, kind: str = "value_error") -> InvalidInput:
    return InvalidInput(f"{name}: {words}", Problem(("body", name, *path), words, kind))


def _precision() -> Any:
    """bfloat16 where the processor computes in it; elsewhere that is slower than float32."""
    import torch

    return torch.bfloat16 if torch.ops.mkldnn._is_mkldnn_bf16_supported() else torch.float32  # noqa: SLF001 - there is no public word for it
