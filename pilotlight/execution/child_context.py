"""What one attempt may use: the Context that a worker's ``run`` is handed."""

from __future__ import annotations

import base64
import contextlib
import json
import math
import mimetypes
import threading
import time
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn

from pilotlight.contracts.events import Checkpoint, Event, Log, Note, Partial, Progress, Run
from pilotlight.contracts.worker import Context
from pilotlight.errors import Cancelled, HandedBack, InvalidInput, WorkerError
from pilotlight.execution.file_urls import FILE_SCHEME, replace_files

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pydantic import BaseModel

    Send = Callable[[Event], None]

MAX_INLINE_BYTES: Final = 256 * 1024
"""Largest file a partial output carries, as a data URI."""
_PROGRESS_EVERY_S: Final = 0.05
MAX_NOTE: Final = 4096
"""Characters of a note: every write of the row carries it."""
_SHOWN: Final = 80
"""Characters of a URL in a message: it may carry its file in itself."""


class AttemptContext(Context):
    """Everything it says goes through ``send``; it may be used from any thread."""

    def __init__(self, run: Run, send: Send) -> None:
        self.job_id = run.job_id
        self.endpoint = run.endpoint
        self.attempt = run.attempt
        self.streaming = run.streaming
        self.low_memory = run.low_memory
        self._folder = run.folder
        self._files = run.files
        self._send = send
        self._stop = threading.Event()
        self._on_cancel: Callable[[], object] | None = None
        self._told_at = float("-inf")
        self.called = run.called or run.endpoint
        self.note = run.note
        self.timeout_s = run.timeout_s
        self.checkpoint = Path(run.checkpoint) if run.checkpoint else None
        self.over = False
        self._answered = threading.Event()
        self._noted = False
        self._saved: list[str] = []
        """How the save in hand went, once that is known."""

    @cached_property
    def folder(self) -> Path:  # type: ignore[override] # nobody writes it
        """Made when first asked for: most jobs leave no files."""
        folder = Path(self._folder)
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    @property
    def cancelled(self) -> bool:
        return self._stop.is_set()

    def cancel(self, *, over: bool = False) -> None:
        """The parent asks to stop; ``over``: because the job has ended."""
        self.over = self.over or over
        self._stop.set()
        self._answered.set()
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
        """Sent at most 20 times a second; the end is always sent. Raises ValueError."""
        self.check()
        share, now = _share(fraction), time.monotonic()
        if share < 1 and now - self._told_at < _PROGRESS_EVERY_S:
            return
        self._told_at = now
        self._send(Progress(self.job_id, min(max(share, 0.0), 1.0), note))

    def partial(self, output: BaseModel) -> None:
        """Does nothing unless somebody follows; a partial with a file too large is left out."""
        self.check()
        if not self.streaming:
            return
        body = output.model_dump_json(by_alias=True)
        if FILE_SCHEME in body:
            with contextlib.suppress(_TooLarge):
                inlined = replace_files(
                    json.loads(body), folder=Path(self._folder), replace=_data_uri
                )
                self._send(Partial(self.job_id, json.dumps(inlined)))
            return
        self._send(Partial(self.job_id, body))

    def keep(self, note: str) -> None:
        if len(note) > MAX_NOTE:
            raise WorkerError(f"a note of {len(note)} characters; {MAX_NOTE} are kept")
        try:
            note.encode()
        except UnicodeEncodeError as error:  # no row takes it, and the parent would try for ever
            raise WorkerError(f"a note must be text that UTF-8 can write: {error}") from None
        self.check()
        self._answered.clear()
        self._noted = False
        self._send(Note(self.job_id, note))
        while not self._noted:
            self._answered.wait()
            self._answered.clear()
            if not self._noted:
                self.check()
        self.note = note

    def noted(self) -> None:
        """The parent has written it down."""
        self._noted = True
        self._answered.set()

    def save(self, checkpoint: Path) -> None:
        self.check()
        self._answered.clear()
        self._saved.clear()
        self._send(Checkpoint(self.job_id, str(checkpoint)))
        while not self._saved:
            self._answered.wait()
            self._answered.clear()
            if not self._saved:
                self.check()
        if problem := self._saved[0]:
            self.log(f"a checkpoint could not be kept: {problem}")

    def saved(self, problem: str) -> None:
        """The parent has stored it, or tried to."""
        self._saved.append(problem)
        self._answered.set()

    def hand_back(self) -> NoReturn:
        if not self.leaving:
            super().hand_back()
        raise HandedBack("its replica leaves; another goes on")

    def wait(self, seconds: float) -> None:
        self._stop.wait(seconds)
        self.check()

    def log(self, message: str) -> None:
        for line in str(message).split("\n"):  # whatever print would take
            self._send(Log(self.job_id, "log", line))

    def input_file(self, url: str) -> Path:
        path = self._files.get(url)
        if path is None:
            short = url if len(url) <= _SHOWN else f"{url[:_SHOWN]}..."
            raise InvalidInput(
                f"{short!r} is not a file of this job's input: a field of a media type is one, "
                "and what run_once is given as files={url: path}"
            )
        return Path(path)


def _share(fraction: float) -> float:
    try:
        share = float(fraction)
    except (TypeError, ValueError):
        share = math.nan
    if math.isnan(share):
        raise ValueError(
            f"context.progress takes a number from 0 to 1, such as step / steps, not {fraction!r}"
        )
    return share


class _TooLarge(ValueError):
    """A file that no partial output can carry."""


def _data_uri(path: Path, around: Mapping[str, Any]) -> str:
    if path.stat().st_size > MAX_INLINE_BYTES:
        raise _TooLarge(path.name)
    content_type = around.get("content_type") or mimetypes.guess_type(path.name)[0]
    data = base64.b64encode(path.read_bytes()).decode()
    return f"data:{content_type or 'application/octet-stream'};base64,{data}"
