"""The declared models with the weights of their tiny twins: saved once, loaded once, for all tests."""

from __future__ import annotations

import dataclasses
import warnings
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pilotlight import Cancelled, Context
from pilotlight.catalogue import discover
from workers.engines.diffusers.declared import Part
from workers.engines.diffusers.films import Filming
from workers.engines.diffusers.pictures import Painting

if TYPE_CHECKING:
    from pathlib import Path

SIDE = 64
DRAWN = {
    name: worker
    for name, worker in discover(["workers.production"]).workers.items()
    if issubclass(worker, Painting | Filming)
}


@dataclass
class Shelf:
    """Below one folder."""

    folder: Path
    loaded: dict[str, Any] = field(default_factory=dict)

    def saved(self, repo):
        """As the model's makers would have it on a hub."""
        from tests.workers import twin_beside, twins

        made = {**twins.BY_REPO, "xiabs/DreamOmni2": twin_beside.dreamomni}[repo]
        place = self.folder / made.__name__
        if not place.is_dir():
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                twins.build(made).save_pretrained(place)
        return place

    def worker(self, name):
        """Loaded through its own ``load``."""
        if name not in self.loaded:
            kind = DRAWN[name]
            small = shrunk(kind, self.saved(kind.model.repo), self.beside(kind.model))
            worker = type(kind.__name__, (kind,), small)()
            worker.load()
            self.loaded[name] = worker
        return self.loaded[name]

    def beside(self, model):
        """What lies in repositories of its own and is no part of the pipeline."""
        return {
            name: dataclasses.replace(one, repo=str(self.saved(one.repo)))
            for name in ("adaptation", "reader")
            if (one := getattr(model, name))
        }

    def close(self):
        for worker in self.loaded.values():
            worker.close()


def shrunk(kind, folder, beside):
    """The same declaration, but for the place of the weights and what would take a CPU too long."""
    parts = {
        name: dataclasses.replace(part, repo=str(folder / name), subfolder="")
        for name, part in kind.model.parts.items()
    }
    variants = {
        name: Part(repo=str(folder / "transformer"), kind=part.kind, attention=part.attention)
        for name, part in kind.model.variants.items()
    }
    model = dataclasses.replace(
        kind.model, repo=str(folder), parts=parts, variants=variants, **beside
    )
    serves = tuple(
        dataclasses.replace(
            one,
            way=short(one.way),
            masked=short(one.masked) if one.masked else None,
            ways=tuple((length, short(way)) for length, way in one.ways),
        )
        for one in kind.serves
    )
    return {"model": model, "serves": serves}


def short(way):
    more = dict(way.more)
    if way.own_area:
        more["_auto_resize"] = False  # to a megapixel
    if "sigmas" in more:
        more["sigmas"] = more["sigmas"][::4]
    frames = 1 + way.frames_step if way.frames else 0
    return dataclasses.replace(way, more=more, size=(SIDE, SIDE), frames=frames, most_frames=frames)


class Desk(Context):
    """A context that keeps what it is told; it cancels after ``patience`` words of progress."""

    def __init__(
        self, folder, endpoint, *, files=None, streaming=False, low_memory=False, patience=10_000
    ):
        self.job_id, self.endpoint, self.attempt = "job", endpoint, 1
        self.folder, self.streaming, self.low_memory = folder, streaming, low_memory
        self.files, self.patience = files or {}, patience
        self.fractions, self.partials, self.messages = [], [], []
        self.listen = None
        """Called at each word of progress."""

    def progress(self, fraction, note=""):
        self.fractions.append(fraction)
        if self.listen:
            self.listen(fraction, note)
        if self.cancelled:
            raise Cancelled("the job was cancelled")

    def partial(self, output):
        self.partials.append(output)

    def log(self, message):
        self.messages.append(message)

    def input_file(self, url):
        return self.files[url]

    @property
    def cancelled(self):
        return len(self.fractions) >= self.patience
