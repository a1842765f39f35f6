"""Every declared picture and film model through its own loader and worker, with a tiny twin's
weights: the real pipeline classes, called with the very words that the big ones are called with.
"""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from urllib.parse import unquote, urlsplit

import numpy as np
import pytest
from PIL import Image

from pilotlight.contracts.example import example_of
from pilotlight.testing import run_once
from tests.live import ROOT, environment
from tests.workers.shelf import DRAWN, SIDE
from workers.engines.diffusers import rephrasing
from workers.engines.diffusers import sizes as diffusers_sizes
from workers.engines.diffusers.easel import Sketch
from workers.engines.diffusers.films import Filming
from workers.engines.diffusers.wishes import wish
from workers.engines.video import files as video_files

BLIND = {"QwenImageEditPlusPipeline", "Kandinsky5T2VPipeline"}
"""Their reader's processor wants torchvision even where it looks at no film."""
URLS = {"image_url": "RGB", "reference_image_url": "RGB", "mask_url": "L"}


EYES = importlib.util.find_spec("torchvision") is not None


def calls():
    for name, worker in sorted(DRAWN.items()):
        unseen = worker.model.pipeline in BLIND and not EYES
        marks = [pytest.mark.skip(reason="torchvision is not here; `make slow` has it")]
        marks = [*(marks if unseen else ()), pytest.mark.timeout(600)]
        for one in worker.serves:
            yield pytest.param(name, one.endpoint.id, False, id=one.endpoint.id, marks=marks)
            if one.masked:
                yield pytest.param(name, one.endpoint.id, True, id=f"{one.endpoint.id}-masked",
                                   marks=marks)  # fmt: skip


def asked(endpoint, tmp_path, *, masked):
    files, given = {}, {}
    for name, mode in URLS.items():
        if name in endpoint.input.model_fields and (name != "mask_url" or masked
                                                    or "reference_image_url" in
                                                    endpoint.input.model_fields):  # fmt: skip
            given[name] = f"https://example.org/{name}.png"
            files[given[name]] = tmp_path / f"{name}.png"
            Image.effect_noise((SIDE, SIDE), 90).convert(mode).save(files[given[name]])
    if "image_urls" in endpoint.input.model_fields:
        given["image_urls"] = ["https://example.org/image_url.png"] * 2
        files[given["image_urls"][0]] = tmp_path / "image_url.png"
        Image.effect_noise((SIDE, SIDE), 90).save(tmp_path / "image_url.png")
    base = {**example_of(endpoint.input), "prompt": "a red circle", "seed": 7}
    known = endpoint.input.model_fields
    few = {"num_inference_steps": 2, "enable_safety_checker": False, "loras": []}
    sides = {"image_size": {"width": SIDE, "height": SIDE}, "size": f"{SIDE}x{SIDE}"}
    base |= {name: value for name, value in {**few, **sides}.items() if name in known}
    base = {name: value for name, value in base.items() if name not in URLS}
    return base | given, files


@pytest.mark.parametrize(("name", "endpoint", "masked"), list(calls()))
def test_it_runs_with_the_words_of_its_declaration(
    shelf, name, endpoint, masked, tmp_path, monkeypatch
):
    monkeypatch.setattr(diffusers_sizes, "of_film", lambda *_: (SIDE, SIDE))
    monkeypatch.setattr(rephrasing, "MOST_TOKENS", 6)
    worker = shelf.worker(name)
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
        for one in made(output):
            with Image.open(path_of(one)) as picture:
                assert picture.size == (one.width, one.height)


def made(output):
    for name in ("images", "data"):
        if hasattr(output, name):
            return getattr(output, name)
    return [output.image]


def path_of(file):
    return Path(unquote(urlsplit(file.url).path))


@pytest.mark.parametrize("name", [name for name, one in DRAWN.items() if one.model.jobs > 1])
def test_in_a_shared_call_each_sentence_gets_the_picture_it_gets_alone(shelf, name):
    """Whatever the length of its neighbours: readers pad, and what is padded must not count."""
    worker = shelf.worker(name)
    serves = next(one for one in worker.serves if not one.way.image_as)
    sizes = []

    def sketch(prompt, seed):
        asked = {"prompt": prompt, "seed": seed, "num_inference_steps": 2,
                 "image_size": {"width": SIDE, "height": SIDE}}  # fmt: skip
        given = serves.endpoint.input.model_validate(asked)
        wanted = wish(given, worker.model, serves.way, None, None)
        return Sketch(
            way=wanted.way, prompt=prompt, negative=wanted.negative, words=wanted.words,
            steps=wanted.steps, seed=seed, on_step=lambda *_: None,
        )  # fmt: skip

    def drawn(*sketches):
        return [np.asarray(one, int) for one in worker.easel.draw(sketches, check=lambda: None)]

    handle = worker.easel.pipes.base.transformer.register_forward_pre_hook(
        lambda _module, _args, words: sizes.append(len(words["hidden_states"])), with_kwargs=True
    )
    short_one, long_one = sketch("a cat", 1), sketch("a green square beside a large red circle", 2)
    together = drawn(short_one, long_one)
    handle.remove()
    alone = [*drawn(short_one), *drawn(long_one)]

    assert set(sizes) == {2}
    for one, other in zip(together, alone, strict=True):
        assert np.abs(one - other).max() <= 2


BESIDE = ROOT / ".venv" / ".torchvision"


@pytest.mark.slow
@pytest.mark.timeout(1500)
@pytest.mark.skipif(not (BESIDE / ".ready").is_file(), reason="`make slow` puts torchvision there")
def test_those_that_want_torchvision_run_with_it():
    """In a process of its own: transformers uses it everywhere once it is there."""
    wanting = " or ".join(sorted(name for name, one in DRAWN.items()
                                 if one.model.pipeline in BLIND))  # fmt: skip
    told = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "tests.workers.torchvision_ops",
         "-W", "default", __file__, "-k", f"words and ({wanting})"],
        cwd=ROOT, env=environment(PYTHONPATH=str(BESIDE)), capture_output=True, text=True,
        check=False,
    )  # fmt: skip

    assert told.returncode == 0, told.stdout[-3000:]
    assert re.search(r"^6 passed", told.stdout, re.MULTILINE), told.stdout[-1000:]
