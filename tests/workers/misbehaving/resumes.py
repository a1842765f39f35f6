"""Counts to six and saves what it has come to; it breaks off where its text says."""

from __future__ import annotations

import os
from pathlib import Path

from pilotlight import Cancelled, Worker
from tests.workers.misbehaving._contract import Output, begin, pause, spec

STEPS = 6


class Resumes(Worker):
    """``dies 4``: the first attempt's process ends after step 4; ``waits 4``: it goes no further
    before the gate is there; ``heeds 3``: it does, saves nothing before its replica leaves, and
    hands itself back then; ``shirks 2`` tries to without a reason. A saved step is a file that holds all steps so far."""

    spec = spec("resumes", checkpoints=True)

    def run(self, job_input, context):
        what, _, where = job_input.text.partition(" ")
        came = context.checkpoint.read_text().split() if context.checkpoint else []
        first = not came
        for step in range(len(came) + 1, STEPS + 1):
            came.append(f"{step}by{context.attempt}")
            saved = context.folder / "came.txt"
            saved.write_text(" ".join(came))
            if step % 2 == 0 and what != "heeds":
                context.save(Path("/etc/hostname") if what == "strays" else saved)
            if first and where == str(step):
                begin(job_input, context)
                self._break_off(what, job_input, context)
            context.log(f"step {step}")
            if context.leaving:
                context.save(saved)
                context.hand_back()
        return Output(text=" ".join(came))

    def _break_off(self, what, job_input, context):
        if what == "dies":
            os._exit(9)
        if what == "shirks":
            context.hand_back()
        try:
            while not Path(job_input.gate).exists() and not (what == "heeds" and context.leaving):
                context.progress(0.5)
                pause()
        except Cancelled:
            Path(job_input.gate + ".left").touch()
            raise


WORKER = Resumes
