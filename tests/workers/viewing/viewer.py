from __future__ import annotations

from pydantic import BaseModel

from pilotlight import ArchiveUrl, AudioUrl, Endpoint, ImageUrl, VideoUrl, Worker, WorkerSpec
from workers.engines.media import pictures, sounds
from workers.engines.media.examples import examples
from workers.engines.video import files as video_files

RATE = 16_000


class Pictures(BaseModel):
    image_urls: list[ImageUrl]


class Film(BaseModel):
    video_url: VideoUrl


class Sound(BaseModel):
    audio_url: AudioUrl


class Archive(BaseModel):
    archive_url: ArchiveUrl


class Seen(BaseModel):
    text: str


def _of(name, takes):
    return Endpoint(id=f"viewing/{name}", task="test/any", input=takes, output=Seen)


class Viewer(Worker):
    spec = WorkerSpec(
        name="viewer",
        endpoints=(
            _of("pictures", Pictures),
            _of("film", Film),
            _of("sound", Sound),
            _of("archive", Archive),
        ),
        gpu_memory_gib=0,
        max_replicas=1,
    )

    def run(self, job_input, context):
        def here(url):
            return context.input_file(url)

        if context.endpoint == "viewing/film":
            count = sum(1 for _ in video_files.frames(here(job_input.video_url), "video_url"))
            return Seen(text=f"{count} frames")
        if context.endpoint == "viewing/sound":
            heard = sounds.sound(here(job_input.audio_url), "audio_url", rate=RATE)
            return Seen(text=f"{heard.size / RATE:.1f} s")
        if context.endpoint == "viewing/archive":
            found = examples(here(job_input.archive_url), caption="", field="archive_url")
            return Seen(text=f"{len(found)} pictures")
        seen = [
            pictures.picture(here(url), ("image_urls", number))
            for number, url in enumerate(job_input.image_urls)
        ]
        return Seen(text=" ".join(f"{one.mode} {one.width}x{one.height}" for one in seen))


WORKER = Viewer
