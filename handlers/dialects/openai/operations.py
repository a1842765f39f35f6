"""Every call of this dialect that becomes a job."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from handlers.dialects.openai import (
    chat,
    cohere,
    completions,
    embeddings,
    images,
    moderations,
    ranking,
    responses,
    speech,
    transcripts,
)
from handlers.dialects.openai.operation import Operation

ALL: Final = (
    chat.OPERATION,
    responses.OPERATION,
    completions.OPERATION,
    embeddings.OPERATION,
    speech.OPERATION,
    transcripts.TRANSCRIPTIONS,
    transcripts.TRANSLATIONS,
    images.GENERATIONS,
    images.EDITS,
    moderations.OPERATION,
    ranking.RERANK,
    cohere.RERANK,
    ranking.SCORE,
)
NAMED: Final[Mapping[str, Operation]] = {one.name: one for one in ALL}
TASKS: Final = frozenset(task for one in ALL for task in one.tasks)


def for_task(task: str) -> Operation | None:
    """The one that a task type is called by first of all."""
    return next((one for one in ALL if task in one.tasks), None)


def for_path(path: str) -> Operation | None:
    """``/v1/chat/completions``, as a batch's lines name it."""
    return next((one for one in ALL if one.url == path), None)
