"""vLLM inside the replica's child: many jobs share one batch, token by token.

Its own server is asked, without a socket (:mod:`workers.engines.servers.in_process`), so that templates,
tools, schemas and errors are the ones its makers ship. Written against vLLM 0.32.
"""

from __future__ import annotations

import contextlib
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pilotlight import InvalidInput, Problem, WorkerError, stage
from pilotlight.contracts.tasks.embeddings import Embedding, Embeddings
from pilotlight.contracts.tasks.ranking import Ranked, Ranking, Scored, Scores
from pilotlight.contracts.tasks.usage import Usage
from pilotlight.errors import ReplicaFailure
from workers.engines.servers.in_process import BrokeOff, post
from workers.engines.vllm import sockets
from workers.engines.vllm.turns import Heard, chunks, whole

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Mapping

    from pilotlight.contracts.tasks.chat import Chat, Completion
    from pilotlight.contracts.tasks.embeddings import Embed
    from pilotlight.contracts.tasks.ranking import Rerank, Score
    from workers.engines.servers.in_process import Reply

    Document = dict[str, Any]

_USUAL: Final = {
    "VLLM_NO_USAGE_STATS": "1",
    "VLLM_LOGGING_LEVEL": "WARNING",
    "VLLM_WORKER_MULTIPROC_METHOD": "spawn",  # a process with threads must not fork
}
"""Of the library's settings, where the owner has not chosen otherwise."""
_LONG: Final[tuple[str, ...]] = ("messages", "input", "documents", "text_1")
"""The field that is too long, where a prompt is longer than the model's context."""


class Vllm:
    """One engine. ``load`` and the questions belong on the same event loop."""

    def __init__(self, model: Path | str, /, **arguments: Any) -> None:
        """``arguments`` of ``vllm serve``, such as ``max_model_len``."""
        self._given = [str(model), *as_words(arguments)]
        self._is_here = Path(model).is_dir()
        self._leave = contextlib.AsyncExitStack()
        self._engine: Any = None
        self._app: Any = None

    async def load(self, *, memory_gib: int | None = None) -> None:
        """Start it. ``memory_gib``: for what it remembers of conversations, without a GPU."""
        import os

        place = self._leave.enter_context(sockets.folder())
        settings = os.environ  # noqa: TID251 - the library's, not ours
        for name, value in _USUAL.items():
            settings.setdefault(name, value)
        settings["VLLM_RPC_BASE_PATH"] = str(place)
        if self._is_here:
            settings["HF_HUB_OFFLINE"] = "1"
        if memory_gib is not None:
            settings["VLLM_CPU_KVCACHE_SPACE"] = str(memory_gib)
        with stage("imports"):
            from vllm.entrypoints.launchers.api_server.app_state import init_app_state
            from vllm.entrypoints.launchers.api_server.entry import build_async_engine_client
            from vllm.entrypoints.launchers.app import build_app
            from vllm.entrypoints.launchers.cli_args import make_arg_parser
            from vllm.utils.argparse_utils import FlexibleArgumentParser

            args = make_arg_parser(FlexibleArgumentParser()).parse_args(self._given)
            args.model = args.model_tag
        with stage("weights"):
            engine = await self._leave.enter_async_context(build_async_engine_client(args))
        with stage("warm_up"):
            tasks = await engine.get_supported_tasks()
            app = build_app(args, tasks, engine.model_config)
            await init_app_state(engine, app.state, args, tasks)
        self._engine, self._app = engine, app

    async def chat(self, asked: Chat, *, seed: int, live: bool) -> AsyncGenerator[Completion, None]:
        """News as they are made where somebody listens (``live``); the last one is whole.

        Leaving takes the request out of the batch at once.
        """
        document = asked.model_dump(mode="json", by_alias=True, exclude_none=True)
        document |= {"seed": seed if asked.seed is None else asked.seed, "stream": live}
        document.pop("model", None)
        document.pop("stream_options", None)
        if live:
            document["stream_options"] = {"include_usage": True}
        async with self._asked("/v1/chat/completions", document) as reply:
            if not live:
                yield whole(json.loads(await reply.body()))
                return
            heard = Heard()
            async for chunk in chunks(reply.pieces):
                if chunk.get("error"):
                    raise self._refused(_status(chunk["error"]), document, chunk)
                news = heard.add(chunk)
                if news is not None:
                    yield news
            yield heard.whole()

    async def embed(self, asked: Embed) -> Embeddings:
        document = asked.model_dump(exclude_none=True, exclude={"model"})
        document["encoding_format"] = "float"
        found = await self._answer("/v1/embeddings", document)
        data = [Embedding(index=one["index"], embedding=one["embedding"]) for one in found["data"]]
        return Embeddings(data=data, usage=_usage(found))

    async def rerank(self, asked: Rerank) -> Ranking:
        texts = [one if isinstance(one, str) else one.text for one in asked.documents]
        document = {"query": asked.query, "documents": texts, "top_n": asked.top_n or 0}
        found = await self._answer("/v1/rerank", document)
        results = [
            Ranked.model_validate(
                {
                    "index": one["index"],
                    "relevance_score": one["relevance_score"],
                    "document": {"text": texts[one["index"]]} if asked.return_documents else None,
                }
            )
            for one in found["results"]
        ]
        return Ranking(results=results, usage=_usage(found))

    async def score(self, asked: Score) -> Scores:
        document = {"text_1": asked.text_1, "text_2": asked.text_2}
        found = await self._answer("/v1/score", document)
        data = [Scored(index=one["index"], score=one["score"]) for one in found["data"]]
        return Scores(data=data, usage=_usage(found))

    async def _answer(self, path: str, document: Document) -> Document:
        async with self._asked(path, document) as reply:
            found: Document = json.loads(await reply.body())
            return found

    @contextlib.asynccontextmanager
    async def _asked(self, path: str, document: Document) -> AsyncIterator[Reply]:
        """Raises InvalidInput for what it refuses, ReplicaFailure for an engine that is dead."""
        try:
            async with post(self._app, path, document) as reply:
                if reply.status != 200:
                    told = json.loads(await reply.body())
                    raise self._refused(reply.status, document, told)
                yield reply
        except BrokeOff as error:
            raise self._refused(500, document, {"error": {"message": str(error)}}) from None

    def _refused(self, status: int, document: Document, told: Document) -> Exception:
        error = told.get("error") or {}
        error = error if isinstance(error, dict) else {"message": error}
        words = str(error.get("message") or told)
        if self._engine.errored:
            return ReplicaFailure(f"the engine died: {words}")
        if status in {400, 404, 413, 422}:
            too_long = "context length" in words
            place = ("body", *_field(error, words, document, too_long=too_long))
            kind = "context_length_exceeded" if too_long else "value_error"
            return InvalidInput(words, Problem(place, words, kind))
        return WorkerError(words)

    async def close(self) -> None:
        await self._leave.aclose()


def _field(error: Document, words: str, document: Document, *, too_long: bool) -> list[str]:
    """The field that an error is about; engines leave it out, or name one of their own."""
    named = str(error.get("param") or "").split(".")
    if named[0] in document:
        return named
    if too_long:
        return [name for name in _LONG if name in document][:1]
    if "rammar" in words or "schema" in words:
        return ["response_format"]
    return [name for name in document if re.search(rf"\b{name}\b", words)][:1]


def _status(error: Any) -> int:
    """Of an error in the middle of a stream; not every server says one, or as a number."""
    code = error.get("code") if isinstance(error, dict) else None
    return code if isinstance(code, int) else 500


def _usage(document: Document) -> Usage:
    told = document.get("usage") or {}
    return Usage.model_validate({name: told.get(name) or 0 for name in Usage.model_fields})


def as_words(arguments: Mapping[str, Any]) -> list[str]:
    """``max_model_len=4096`` is ``--max-model-len=4096``; a dictionary goes as JSON."""
    words = []
    for name, value in arguments.items():
        option = name.replace("_", "-")
        if isinstance(value, bool):
            words.append(f"--{option}" if value else f"--no-{option}")
        else:
            text = json.dumps(value) if isinstance(value, dict) else value
            words.append(f"--{option}={text}")
    return words
