"""Every declared picture and film model through its own loader and worker, with a tiny twin's
weights: the real pipeline classes, called with the very words that the big ones are called with.
"""

from __future__ import annotations

import dataclasses
import importlib.util
import warnings
from fractions import Fraction
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from PIL import Image

from pilotlight.catalogue import discover
from pilotlight.contracts.example import example_of
from pilotlight.testing import run_once
from workers.engines import diffusers_sizes, video_files
from workers.engines.diffusers_declared import Part
from workers.engines.diffusers_films import Filming
from workers.engines.diffusers_pictures import Painting

SIDE = 64
DRAWN = {
    name: worker
    for name, worker in discover(["workers.production"]).workers.items()
    if issubclass(worker, Painting | Filming)
}
BLIND = {"QwenImageEditPlusPipeline", "Kandinsky5T2VPipeline"}
"""Their reader's processor wants torchvision even where it looks at no film."""
URLS = {"image_url": "RGB", "reference_image_url": "RGB", "mask_url": "L"}


EYES = importlib.util.find_spec("torchvision") is not None


def calls():
    for name, worker in sorted(DRAWN.items()):
        unseen = worker.model.pipeline in BLIND and not EYES
        marks = [pytest.mark.skip(reason="torchvision is not installed")] if unseen else []
        for one in worker.serves:
            yield pytest.param(name, one.endpoint.id, False, id=one.endpoint.id, marks=marks)
            if one.masked:
                yield pytest.param(name, one.endpoint.id, True, id=f"{one.endpoint.id}-masked",
                                   marks=marks)  # fmt: skip


@pytest.fixture(scope="module")
def shelf(tmp_path_factory):
    """Folders of saved twins, by the repository they stand for."""
    from tests.workers import twins

    saved = {}

    def folder(repo):
        if repo not in saved:
            saved[repo] = tmp_path_factory.mktemp("twin")
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                twins.build(twins.BY_REPO[repo]).save_pretrained(saved[repo])
        return saved[repo]

    return folder


@pytest.fixture(scope="module")
def small(shelf):
    """A worker of the declared model with its twin's weights, loaded once."""
    loaded = {}

    def load(name):
        if name not in loaded:
            kind = DRAWN[name]
            twin = type(kind.__name__, (kind,), shrunk(kind, shelf))
            worker = twin()
            worker.load()
            loaded[name] = worker
        return loaded[name]

    yield load
    for worker in loaded.values():
        worker.close()


def shrunk(kind, shelf):
    """The same declaration, but for the place of the weights and what would take a CPU too long."""
    folder = shelf(kind.model.repo)
    parts = {
        name: dataclasses.replace(part, repo=str(folder / name), subfolder="")
        for name, part in kind.model.parts.items()
    }
    variants = {
        name: Part(repo=str(folder / "transformer"), kind=part.kind)
        for name, part in kind.model.variants.items()
    }
    model = dataclasses.replace(kind.model, repo=str(folder), parts=parts, variants=variants)
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


def asked(endpoint, tmp_path, *, masked):
    files, given = {}, {}
    for name, mode in URLS.items():
        if name in endpoint.input.model_fields and (name != "mask_url" or masked
                                                    or "reference_image_url" in
                                                    endpoint.input.model_fields):  # fmt: skip
            given[name] = f"https://example.org/{name}.png"
            files[given[name]] = tmp_path / f"{name}.png"
            Image.effect_noise((SIDE, SIDE), 90).convert(mode).save(files[given[name]])
    base = {**example_of(endpoint.input), "prompt": "a red circle", "seed": 7}
    known = endpoint.input.model_fields
    few = {"num_inference_steps": 2, "enable_safety_checker": False, "loras": []}
    sides = {"image_size": {"width": SIDE, "height": SIDE}, "size": f"{SIDE}x{SIDE}"}
    base |= {name: value for name, value in {**few, **sides}.items() if name in known}
    base = {name: value for name, value in base.items() if name not in URLS}
    return base | given, files


@pytest.mark.parametrize(("name", "endpoint", "masked"), list(calls()))
def test_it_runs_with_the_words_of_its_declaration(
    small, name, endpoint, masked, tmp_path, monkeypatch
):
    monkeypatch.setattr(diffusers_sizes, "of_film", lambda *_: (SIDE, SIDE))
    worker = small(name)
    serves = next(one for one in worker.serves if one.endpoint.id == endpoint)
    given, files = asked(serves.endpoint, tmp_path, masked=masked)
    heard = []

    output = run_once(
        worker, given, folder=tmp_path, endpoint=endpoint, files=files, hear=heard.append
    )

    told = [event.fraction for event in heard if hasattr(event, "fraction")]
    assert told == sorted(told)
    assert told[-1] == 1
    if isinstance(worker, Filming):
        film = video_files.facts(path_of(output.video), "video_url")
        assert (film.width, film.height) == (SIDE, SIDE)
        assert film.frames == serves.way.frames
        assert film.rate == Fraction(given.get("fps", serves.way.rate))
    else:
        for one in getattr(output, "images", None) or output.data:
            with Image.open(path_of(one)) as picture:
                assert picture.size == (one.width, one.height)


def path_of(file):
    return Path(unquote(urlsplit(file.url).path))
