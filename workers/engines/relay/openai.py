"""An upstream that speaks OpenAI's API: OpenAI itself, a gateway, another Pilotlight.

Its calls answer at once: one that is cut off may have been paid for, and cannot be found again.
Where the upstream takes ``"async": true`` (``jobs`` in its settings) it is followed instead.

Wire facts: https://platform.openai.com/docs/api-reference; of requests that nobody waits for,
Pilotlight's ``/v1/requests/ID``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pilotlight import Context, File
from workers.engines.relay.chat_stream import listened
from workers.engines.relay.errand import Errand
from workers.engines.relay.following import Following, Look, Places
from workers.engines.relay.forms import form
from workers.engines.relay.inputs import sendable
from workers.engines.relay.outputs import brought, written
from workers.engines.relay.refusals import Garbled

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pilotlight.upstreams import Reply, Upstream

    Document = dict[str, Any]
    Send = Callable[[], Reply]

WAIT_S: Final = 600.0
"""What OpenAI's own clients wait where nobody says otherwise."""
_OURS: Final = frozenset({"stream", "stream_options", "async", "webhook", "sync_mode"})
"""Manners of a caller towards us."""
_CHAT: Final = "/chat/completions"
_PATHS: Final[Mapping[str, str]] = {
    "openai/chat-completion": _CHAT,
    "openai/chat-completion/vision": _CHAT,
    "openai/chat-completion/ocr": _CHAT,
    "openai/chat-completion/moderation": "/moderations",
    "openai/embeddings": "/embeddings",
    "openai/rerank": "/rerank",
    "openai/score": "/score",
    "openai/audio-speech": "/audio/speech",
    "openai/audio-transcription": "/audio/transcriptions",
    "openai/image-generation": "/images/generations",
}
"""By task type."""
_TRANSCRIPT: Final = ("text", "language", "duration", "segments", "words")


def done(upstream: Upstream, context: Context, task: str, document: Document) -> Document:
    """The output of one job, its files brought here. Raises KeyMissing before anything is asked."""
    upstream.check()
    call = _Call(upstream, context, task, document)
    return call.output(_followed(call) if upstream.settings.jobs else _asked(call))


def _asked(call: _Call) -> Reply:
    errand = Errand(call.upstream, call.context)
    reply = errand.ask(call.send(errand.name, errand.headers()))
    errand.note_cost(reply)
    return reply


def _followed(call: _Call) -> Reply:
    following = Following(call.upstream, call.context, places=places, read=_read)
    return following.result(
        lambda: call.send(following.name, following.headers(), **{"async": True})
    )


@dataclass(frozen=True, slots=True)
class _Call:
    """One task's input and output in OpenAI's words."""

    upstream: Upstream
    context: Context
    task: str
    document: Document

    def send(self, model: str, headers: dict[str, str], **manners: Any) -> Send:
        asked = {name: value for name, value in self.document.items() if name not in _OURS}
        asked |= {"model": model, **manners}
        if self.task == "openai/audio-transcription":
            return self._send_sound(asked, headers)
        if self.task == "openai/embeddings":
            asked["encoding_format"] = "float"  # a dialect packs them
        if self.task == "openai/image-generation":
            asked.pop("response_format", None)  # not every model knows it; either way is read
        # Nothing is uploaded: files travel in the request itself.
        asked, _ = sendable(asked, self.context, self.upstream, {})
        path = _PATHS[self.task]
        if self.context.streaming and path == _CHAT and not manners:
            return self._listen(path, headers, asked)
        return self._ask(path, headers, document=asked)

    def _listen(self, path: str, headers: dict[str, str], asked: Document) -> Send:
        within_s = self.context.timeout_s or WAIT_S
        return lambda: listened(
            self.upstream, self.context, path, document=asked, headers=headers, within_s=within_s
        )

    def _ask(self, path: str, headers: dict[str, str], **what: Any) -> Send:
        within_s = self.context.timeout_s or WAIT_S
        return lambda: self.upstream.ask("POST", path, headers=headers, within_s=within_s, **what)

    def _send_sound(self, asked: Document, headers: dict[str, str]) -> Send:
        path = self.context.input_file(str(asked.pop("audio_url", "")))
        translated = asked.pop("task", None) == "translate"
        detailed = bool(asked.get("timestamp_granularities"))
        asked["response_format"] = "verbose_json" if detailed else "json"
        kind, body = form(asked, path)
        place = "/audio/translations" if translated else _PATHS[self.task]
        return self._ask(place, {**headers, "Content-Type": kind}, body=body)

    def output(self, reply: Reply) -> Document:
        """Raises Garbled."""
        if self.task == "openai/audio-speech":
            return self._sound(reply)
        told = reply.document
        if not isinstance(told, dict):
            raise Garbled(f"{self.upstream.name} gave a result that is no JSON object")
        if self.task == "openai/audio-transcription":
            return {name: told[name] for name in _TRANSCRIPT if told.get(name) is not None}
        if self.task == "openai/image-generation":
            pictures = [self._picture(one) for one in told.get("data") or []]
            return {"data": brought(pictures, self.context, self.upstream)}
        return told

    def _sound(self, reply: Reply) -> Document:
        kind = reply.headers.get("content-type", "").partition(";")[0]
        if not reply.body or kind == "application/json":
            raise Garbled(f"{self.upstream.name} gave no sound")
        suffix = str(self.document.get("response_format") or "mp3")
        path = written(self.context, f"speech.{suffix}", reply.body)
        sound = File.at(path, content_type=kind or None)
        return {"audio_url": sound.url, "content_type": sound.content_type}

    def _picture(self, one: Any) -> Document:
        """Inline or by URL, as its model likes: a file either way."""
        if not isinstance(one, dict):
            raise Garbled(f"{self.upstream.name} gave a picture that is none")
        inline = one.get("b64_json")
        if isinstance(inline, str):
            kind = self.document.get("output_format") or "png"
            return {"url": f"data:image/{kind};base64,{inline}", "content_type": f"image/{kind}"}
        return {"url": one.get("url", "")}


def places(_name: str, request_id: str) -> Places:
    base = f"/requests/{request_id}"
    return Places(base, f"{base}/response", "POST", f"{base}/cancel")


def _read(said: Document) -> Look:
    status, done = str(said.get("status")), said.get("progress")
    over = status in {"completed", "failed", "cancelled", "expired"}
    return Look(over, float(done) if isinstance(done, int | float) else 0.0, status, [])
