from __future__ import annotations

from pydantic import BaseModel

from pilotlight import ImageUrl, Worker
from tests.workers.misbehaving._contract import Output, spec


class Input(BaseModel):
    image_url: ImageUrl
    more: list[ImageUrl] = []


class ReadsInput(Worker):
    spec = spec("reads-input", takes=Input)

    def run(self, job_input: Input, context):
        urls = [job_input.image_url, *job_input.more]
        return Output(text=" ".join(context.input_file(url).read_text() for url in urls))


WORKER = ReadsInput
