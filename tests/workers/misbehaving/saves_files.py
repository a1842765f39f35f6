from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel

from pilotlight import File, Image, Worker
from tests.workers.misbehaving._contract import Input, spec


class Output(BaseModel):
    images: list[Image]
    report: File
    text: str


class SavesFiles(Worker):
    """Leaves files, or names one that is none of its own."""

    spec = spec("saves-files", gives=Output)

    def run(self, job_input: Input, context):
        if job_input.text.startswith("/"):
            report = File.at(Path(job_input.text))
        else:
            report = File.at(self._write(context.folder / "report.txt", b"all well"))
        first = self._write(context.folder / "picture.png", b"png 1")
        second = self._write(context.folder / "more" / "picture.png", b"png 2")
        return Output(
            images=[Image.at(first, width=4, height=2), Image.at(second), Image.at(first)],
            report=report,
            text="file:///etc/passwd",
        )

    def _write(self, path: Path, content: bytes) -> Path:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
        return path


WORKER = SavesFiles
