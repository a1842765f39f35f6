from __future__ import annotations

import json
import os
from pathlib import Path

from pilotlight import Cancelled, Worker, WorkerError
from tests.workers.misbehaving._contract import Output, begin, pause, spec


class Busy(WorkerError):
    """Comes back, but not at once."""

    code = "upstream_busy"
    retryable = True


class KeepsNotes(Worker):
    """Adds its attempt to the note, then does what its text says; at its end it tells the note."""

    spec = spec("keeps-notes")

    def run(self, job_input, context):
        kept = [*json.loads(context.note or "[]"), context.attempt]
        context.keep(json.dumps(kept))
        begin(job_input, context)
        first = len(kept) == 1
        if first and job_input.text == "dies":
            os._exit(9)
        if first and job_input.text == "busy":
            raise Busy("come back later", retry_after_s=0.5)
        if job_input.text == "too long":
            context.keep("x" * 5000)
        if job_input.text == "half a character":
            context.keep("\ud83d")
        try:
            while job_input.gate and not Path(job_input.gate).exists():
                context.progress(0.5)
                pause()
        except Cancelled:
            Path(job_input.gate + ".left").write_text(f"over={context.over}")
            raise
        return Output(text=f"{context.note} {context.called} {context.timeout_s}")

    @classmethod
    def let_go(cls, *, called, note):
        return f"let go of {note} at {called}"


WORKER = KeepsNotes
