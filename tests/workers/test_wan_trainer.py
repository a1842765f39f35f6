"""Adaptations for Wan on tiny twins of its real classes: what fal's three endpoints promise."""

from __future__ import annotations

import dataclasses
import io
import json
import warnings
import zipfile
from pathlib import Path
from urllib.parse import unquote, urlsplit

import numpy as np
import pytest
from PIL import Image

from pilotlight import Cancelled, InvalidInput, OutOfMemory
from pilotlight.contracts.events import Log, Progress
from pilotlight.testing import run_once
from tests.workers.films import a_film
from tests.workers.twin_pictures import full
from workers.engines.media.clips import clip
from workers.engines.media.examples import Example, examples
from workers.engines.training import diary as training_diary
from workers.production.wan_trainer import WORKER

ARCHIVE = "https://example.org/lesson.zip"
T2V, I2V = "fal-ai/wan-trainer/t2v", "fal-ai/wan-trainer/i2v-720p"

pytestmark = [pytest.mark.timeout(240), pytest.mark.filterwarnings("ignore::FutureWarning")]


def coder():
    from diffusers import AutoencoderKLWan

    return AutoencoderKLWan(base_dim=4, z_dim=16, dim_mult=[1, 1, 1, 1], num_res_blocks=1)


def films_from_text():
    from tests.workers import twins

    return twins._wan(16, coder(), transformer_2=None)


def films_from_pictures():
    from diffusers import WanImageToVideoPipeline, WanTransformer3DModel
    from transformers import CLIPImageProcessorPil, CLIPVisionConfig, CLIPVisionModel

    base = films_from_text()
    eye = CLIPVisionModel(
        CLIPVisionConfig(hidden_size=16, intermediate_size=16, num_hidden_layers=2, image_size=32,
                         num_attention_heads=2, patch_size=16, projection_dim=16)
    )  # fmt: skip
    drawer = WanTransformer3DModel(
        num_attention_heads=2, attention_head_dim=12, in_channels=36, out_channels=16, text_dim=32,
        ffn_dim=32, num_layers=1, rope_max_seq_len=64, image_dim=16, added_kv_proj_dim=24,
    )  # fmt: skip
    size = {"height": 32, "width": 32}
    return WanImageToVideoPipeline(
        tokenizer=base.tokenizer, text_encoder=base.text_encoder, vae=base.vae,
        scheduler=base.scheduler, transformer=drawer, image_encoder=eye,
        image_processor=CLIPImageProcessorPil(size=size, crop_size=size),
    )  # fmt: skip


MADE = {T2V: films_from_text, I2V: films_from_pictures}


@pytest.fixture(scope="module")
def school(tmp_path_factory):
    """The worker, with twins of two of its bases."""
    import torch

    bases = {}
    for endpoint, make in MADE.items():
        folder = tmp_path_factory.mktemp("base")
        with torch.random.fork_rng(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.manual_seed(0)
            make().save_pretrained(folder)
        base = WORKER.bases[endpoint]
        model = dataclasses.replace(base.model, repo=str(folder))
        bases[endpoint] = dataclasses.replace(base, model=model, pixels=32 * 32)
    return type("Tiny", (WORKER,), {"bases": bases})


@pytest.fixture(scope="module")
def lesson(tmp_path_factory):
    """Two pictures and a film, each with its caption but one."""
    folder = tmp_path_factory.mktemp("lesson")
    film = a_film(folder / "wall.mp4", seconds=1, rate=8)
    with zipfile.ZipFile(folder / "lesson.zip", "w") as archive:
        for number in range(2):
            drawn = io.BytesIO()
            Image.new("RGB", (48, 32), (200, 40 * number, 10)).save(drawn, "PNG")
            archive.writestr(f"{number}.png", drawn.getvalue())
        archive.writestr("0.txt", "a red wall")
        archive.write(film, "../../wall.mp4")
        archive.writestr("../../wall.txt", "a wall that slides")
    return folder / "lesson.zip"


def teach(school, lesson, folder, endpoint=T2V, **more):
    folder.mkdir()
    asked = {"training_data_url": ARCHIVE, "number_of_steps": 4, "trigger_phrase": "a wall"}
    asked["learning_rate"] = 0.01
    made = run_once(
        school, asked, folder=folder, files={ARCHIVE: lesson}, endpoint=endpoint, **more
    )
    return path_of(made.lora_file), json.loads(path_of(made.config_file).read_text())


def path_of(file):
    return Path(unquote(urlsplit(file.url).path))


@pytest.mark.parametrize("endpoint", MADE)
def test_what_is_taught_loads_into_the_models_own_pipeline_and_changes_it(
    school, lesson, tmp_path, endpoint
):
    import diffusers
    import torch

    heard = []
    lora, facts = teach(school, lesson, tmp_path / "out", endpoint, hear=heard.append)

    assert facts["examples"] == 3
    assert facts["trigger_phrase"] == "a wall"
    first = next(event.note for event in heard if isinstance(event, Progress))
    assert first == "reading example 1 of 3"  # of those that follow soon, not each is sent
    assert any("step 4 of 4: loss" in event.line for event in heard if isinstance(event, Log))
    base = school.bases[endpoint].model
    pipe = getattr(diffusers, base.pipeline).from_pretrained(base.repo)
    sizes = (1, pipe.transformer.config.in_channels, 1, 4, 4)
    more = {"encoder_hidden_states_image": torch.ones(1, 5, 16)} if endpoint == I2V else {}

    def made():
        with torch.no_grad():
            return pipe.transformer(torch.ones(sizes), torch.ones(1), torch.ones(1, 3, 32), **more)[
                0
            ]

    before = made()
    pipe.load_lora_weights(lora)
    assert (made() - before).abs().max() > 0


def test_a_training_that_was_killed_comes_out_the_same_to_the_bit(
    school, lesson, tmp_path, monkeypatch
):
    whole, _ = teach(school, lesson, tmp_path / "whole")
    monkeypatch.setattr(training_diary, "SAVE_EVERY_S", 0.0)

    def breaks_off(event):
        if isinstance(event, Log) and event.line == "checkpoint at step 2 of 4":
            raise Cancelled("the machine is taken away")

    with pytest.raises(Cancelled):
        teach(school, lesson, tmp_path / "first", hear=breaks_off)
    saved = tmp_path / "first" / "checkpoint.safetensors"
    again, heard = tmp_path / "again", []
    lora, _ = teach(school, lesson, again, hear=heard.append, checkpoint=saved)

    assert "this attempt went on from step 2" in [e.line for e in heard if isinstance(e, Log)]
    assert lora.read_bytes() == whole.read_bytes()


def test_memory_that_runs_out_is_tried_again_with_less(school, lesson, tmp_path, monkeypatch):
    from diffusers import AutoencoderKLWan

    plain = AutoencoderKLWan.encode

    sizes = []

    def unless_tiled(self, *asked, **how):
        if not self.use_tiling:
            full()
        sizes.append(asked[0].shape[-1] * asked[0].shape[-2])
        return plain(self, *asked, **how)

    monkeypatch.setattr(AutoencoderKLWan, "encode", unless_tiled)
    with pytest.raises(OutOfMemory) as caught:
        teach(school, lesson, tmp_path / "first")
    heard = []
    teach(school, lesson, tmp_path / "second", low_memory=True, hear=heard.append)

    words = "memory is short: trains on 512 pixels a frame, not 1024"
    assert words in [event.line for event in heard if isinstance(event, Log)]
    assert max(sizes) <= 512
    assert caught.value.__context__ is None  # what it held can go


def test_films_of_an_archive_are_unpacked_under_names_of_ours(lesson, tmp_path):
    found = examples(lesson, caption="x", field="f", films=tmp_path / "films")

    assert {one.caption for one in found} == {"a red wall", "x", "a wall that slides"}
    assert [path.name for path in (tmp_path / "films").iterdir()] == ["0000.mp4"]
    assert not (tmp_path.parent / "wall.mp4").exists()
    assert len(examples(lesson, caption="x", field="f")) == 2  # who wants pictures gets pictures


def test_a_film_that_is_none_is_refused_by_name(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("trap.mp4", b"#EXTM3U\nfile:///etc/passwd\n")

    with pytest.raises(InvalidInput, match=r"training_data_url trap\.mp4"):
        examples(tmp_path / "a.zip", caption="x", field="training_data_url", films=tmp_path / "f")


@pytest.mark.parametrize(
    ("rate", "seconds", "scaled", "frames"),
    [(8, 1, False, 5), (8, 1, True, 13), (24, 1, True, 13), (30, 4, False, 81), (30, 6, True, 81)],
)
def test_a_film_gives_the_frames_that_the_coder_takes(tmp_path, rate, seconds, scaled, frames):
    film = a_film(tmp_path / "wall.mp4", seconds=seconds, rate=rate, speed=1)
    example = Example(Image.new("RGB", (96, 64)), "a wall", film)

    made = clip(example, pixels=48 * 32, multiple=16, scaled=scaled, field="f")

    assert tuple(made.frames.shape) == (3, frames, 32, 48)
    assert made.frames.abs().max() <= 1


def test_a_picture_is_a_film_of_one_frame_in_its_own_shape(tmp_path):
    made = clip(Example(Image.new("RGB", (300, 100), "white"), ""), pixels=832 * 480, multiple=16,
                scaled=True, field="f")  # fmt: skip

    assert tuple(made.frames.shape) == (3, 1, 96, 288)
    assert np.allclose(made.frames, 1)
