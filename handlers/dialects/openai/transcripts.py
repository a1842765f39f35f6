"""``/audio/transcriptions`` and ``/audio/translations``: what is said in a recording.

The recording comes in a form as ``file``, or in JSON as ``audio_url``.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial
from typing import Any, Final

from handlers.dialects.openai.deltas import more
from handlers.dialects.openai.errors import WrongUse
from handlers.dialects.openai.operation import (
    Answer,
    Document,
    Operation,
    Text,
    Told,
    Wish,
)
from pilotlight.catalogue import Served

TASKS: Final = frozenset({"openai/audio-transcription", "fal/audio-transcription"})
FORMATS: Final = ("json", "text", "srt", "verbose_json", "vtt")
_TIMED: Final = frozenset({"srt", "verbose_json", "vtt"})
_NOT_THE_WORKERS: Final = frozenset({"file", "response_format", "stream", "include"})
_SUBTITLES: Final = "text/plain; charset=utf-8"


def translate(document: Document, _served: Served, *, task: str) -> Wish:
    shape = document.get("response_format", "json")
    if shape not in FORMATS:
        raise WrongUse(f"response_format is one of {', '.join(FORMATS)}", param="response_format")
    body = {name: value for name, value in document.items() if name not in _NOT_THE_WORKERS}
    body["audio_url"] = _recording(document)
    body["task"] = task
    if shape in _TIMED:
        body.setdefault("timestamp_granularities", ["segment"])
    names = {"audio_url": "file"} if "file" in document else {}
    return Wish(body, {"format": shape, "task": task}, names)


def _recording(document: Document) -> Any:
    sent = document.get("file")
    if isinstance(sent, list) and len(sent) == 1:
        return sent[0]
    url = document.get("audio_url")
    if sent is not None or not isinstance(url, str):
        raise WrongUse("send one recording: a form's file, or audio_url", param="file")
    return url


def answer(told: Told) -> Answer:
    shape = told.options.get("format", "json")
    text = told.output.get("text") or ""
    if shape == "text":
        return Text(text + "\n")
    if shape == "srt":
        return Text(_srt(told.output), _SUBTITLES)
    if shape == "vtt":
        return Text(_vtt(told.output), _SUBTITLES)
    return _verbose(told) if shape == "verbose_json" else {"text": text} | _usage(told.output)


def _usage(output: Document) -> Document:
    """OpenAI counts whole seconds."""
    seconds = output.get("duration")
    if not isinstance(seconds, int | float):
        return {}
    return {"usage": {"type": "duration", "seconds": math.ceil(seconds)}}


def _verbose(told: Told) -> Document:
    said = told.output
    return {
        "task": told.options.get("task", "transcribe"),
        "language": said.get("language"),
        "duration": said.get("duration"),
        "text": said.get("text") or "",
        "segments": said.get("segments"),
        "words": said.get("words"),
        **_usage(said),
    }


def _cues(output: Document) -> list[tuple[float, float, str]]:
    """A model that tells no segments has said it all in one."""
    segments = output.get("segments") or [
        {"start": 0, "end": output.get("duration") or 0, "text": output.get("text") or ""}
    ]
    return [
        (one["start"], one["end"], str(one["text"]).strip().replace("-->", "->"))
        for one in segments
    ]


def _srt(output: Document) -> str:
    blocks = [
        f"{number}\n{_at(start, ',')} --> {_at(end, ',')}\n{text}\n"
        for number, (start, end, text) in enumerate(_cues(output), start=1)
    ]
    return "\n".join(blocks)


def _vtt(output: Document) -> str:
    blocks = [
        f"{_at(start, '.')} --> {_at(end, '.')}\n{text}\n" for start, end, text in _cues(output)
    ]
    return "\n".join(["WEBVTT\n", *blocks])


def _at(seconds: float, point: str) -> str:
    """``00:00:01,500``."""
    whole, thousandths = divmod(round(seconds * 1000), 1000)
    return f"{whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02}{point}{thousandths:03}"


class Words:
    """``transcript.text`` events."""

    done = False

    def __init__(self, _told: Told) -> None:
        self._said = ""

    def partial(self, output: Document) -> Iterator[Document]:
        now = output.get("text") or ""
        delta = more(self._said, now)
        if delta:
            self._said = now
            yield {"type": "transcript.text.delta", "delta": delta}

    def end(self, output: Document) -> Iterator[Document]:
        yield from self.partial(output)
        yield {"type": "transcript.text.done", "text": output.get("text") or ""}


TRANSCRIPTIONS, TRANSLATIONS = (
    Operation(
        name=f"audio.{path}",
        path=f"/audio/{path}",
        tasks=TASKS,
        translate=partial(translate, task=task),
        answer=answer,
        narrator=Words,
        media={"file": "audio"},
    )
    for path, task in (("transcriptions", "transcribe"), ("translations", "translate"))
)
