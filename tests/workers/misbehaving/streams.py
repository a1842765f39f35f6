from __future__ import annotations

from pilotlight import Worker
from tests.workers.misbehaving._contract import Output, spec


class Streams(Worker):
    """A generator: each yield is a partial output, the last word is the output."""

    spec = spec("streams")

    def run(self, job_input, context):
        text = ""
        for word in job_input.text.split():
            text += word
            yield Output(text=text)
        if job_input.text.startswith("return"):
            return Output(text="returned")


WORKER = Streams
