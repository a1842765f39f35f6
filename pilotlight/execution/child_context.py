"""What one attempt may use: the Context that a worker's ``run`` is handed."""

from __future__ import annotations

import base64
import contextlib
import json
import mimetypes
import threading
import time
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pilotlight.contracts.events import Event, Log, Partial, Progress, Run
from pilotlight.contracts.worker import Context
from pilotlight.errors import Cancelled, InvalidInput
from pilotlight.execution.file_urls import FILE_SCHEME, replace_files

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pydantic import BaseModel

    Send = Callable[[Event], None]

MAX_INLINE_BYTES: Final = 256 * 1024
"""Largest file a partial output carries, as a data URI."""
_PROGRESS_EVERY_S: Final = 0.05


class AttemptContext(Context):
    """Everything it says goes through ``send``; it may be used from any thread."""

    def __init__(self, run: Run, send: Send) -> None:
        self.job_id = run.job_id
        self.endpoint = run.endpoint
        self.attempt = run.attempt
        self.streaming = run.streaming
        self.low_memory = run.low_memory
        self._folder = Path(run.folder)
        self._files = run.files
        self._send = send
        self._stop = threading.Event()
        self._on_cancel: Callable[[], object] | None = None
        self._told_at = float("-inf")

    @cached_property
    def folder(self) -> Path:  # type: ignore[override] # nobody writes it
        """Made when first asked for: most jobs leave no files."""
        self._folder.mkdir(parents=True, exist_ok=True)
        return self._folder

    @property
    def cancelled(self) -> bool:
        return self._stop.is_set()

    def cancel(self) -> None:
        """The parent asks to stop."""
        self._stop.set()
        if self._on_cancel is not None:
            self._on_cancel()

    def on_cancel(self, stop: Callable[[], object]) -> None:
        """Call ``stop`` when the job is cancelled, even if it is already."""
        self._on_cancel = stop
        if self._stop.is_set():
            stop()

    def check(self) -> None:
        """Raises Cancelled when the job was cancelled."""
        if self._stop.is_set():
            raise Cancelled("the job was cancelled while it ran")

    def progress(self, fraction: float, note: str = "") -> None:
        """Sent at most 20 times a second; the end is always sent."""
        self.check()
        now = time.monotonic()
        if fraction < 1 and now - self._told_at < _PROGRESS_EVERY_S:
            return
        self._told_at = now
        self._send(Progress(self.job_id, min(max(float(fraction), 0.0), 1.0), note))

    def partial(self, output: BaseModel) -> None:
        """Does nothing unless somebody follows; a partial with a file too large is left out."""
        self.check()
        if not self.streaming:
            return
        body = output.model_dump_json(by_alias=True)
        if FILE_SCHEME in body:
            with contextlib.suppress(_TooLarge):
                inlined = replace_files(json.loads(body), folder=self._folder, replace=_data_uri)
                self._send(Partial(self.job_id, json.dumps(inlined)))
            return
        self._send(Partial(self.job_id, body))

    def log(self, message: str) -> None:
        for line in message.split("\n"):
            self._send(Log(self.job_id, "log", line))

    def input_file(self, url: str) -> Path:
        path = self._files.get(url)
        if path is None:
            raise InvalidInput(f"{url!r} is not a file of this job's input")
        return Path(path)


class _TooLarge(ValueError):
    """A file that no partial output can carry."""


def _data_uri(path: Path, around: Mapping[str, Any]) -> str:
    if path.stat().st_size > MAX_INLINE_BYTES:
        raise _TooLarge(path.name)
    content_type = around.get("content_type") or mimetypes.guess_type(path.name)[0]
    data = base64.b64encode(path.read_bytes()).decode()
    return f"data:{content_type or 'application/octet-stream'};base64,{data}"
