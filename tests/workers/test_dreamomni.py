"""DreamOmni2 on a tiny twin: several pictures beside each other, its own adaptation, its reader."""

from __future__ import annotations

from contextlib import contextmanager

import numpy as np
import pytest
import torch
from diffusers import FluxKontextPipeline
from PIL import Image
from safetensors.torch import load_file

from pilotlight import Cancelled, InvalidInput
from tests.workers.shelf import Desk
from tests.workers.twin_beside import ADAPTATION
from tests.workers.twin_pictures import path_of
from workers.engines.diffusers import rephrasing
from workers.engines.diffusers.rephrasing import untagged
from workers.engines.diffusers.several import suited

NAME, ENDPOINT = "dreamomni2", "fal-ai/dreamomni2/edit"
PATCH = "<|image_pad|>"


@pytest.fixture
def worker(shelf, monkeypatch):
    monkeypatch.setattr(rephrasing, "MOST_TOKENS", 6)
    return shelf.worker(NAME)


@pytest.fixture
def pictures():
    rng = np.random.default_rng(3)
    return [Image.fromarray(rng.integers(0, 255, (rows, columns, 3), np.uint8))
            for rows, columns in ((64, 64), (64, 96), (96, 48))]  # fmt: skip


@pytest.fixture
def asked(worker, pictures, tmp_path):
    """Have the worker make one of the first ``count`` pictures; what it returns, and its desk."""
    urls = {f"https://example.org/{n}.png": one for n, one in enumerate(pictures)}
    files = {url: tmp_path / url.rpartition("/")[2] for url in urls}
    for url, one in urls.items():
        one.save(files[url])

    def asked(count=2, prompt="the cat of the second on the mat of the first", **desk):
        one = Desk(tmp_path, ENDPOINT, files=files, **desk)
        given = {"image_urls": list(urls)[:count], "prompt": prompt}
        takes = worker.spec.endpoints[0].input
        return worker.run(takes.model_validate(given), one), one

    return asked


@contextmanager
def heard(module):
    """The arguments of every call of a module."""
    calls = []
    handle = module.register_forward_pre_hook(
        lambda _module, args, words: calls.append((args, dict(words))), with_kwargs=True
    )
    try:
        yield calls
    finally:
        handle.remove()


def drawn(pipe, **words):
    return np.asarray(
        pipe(
            prompt="a cat", width=64, height=64, max_area=64 * 64, num_inference_steps=2,
            generator=torch.Generator().manual_seed(1), _auto_resize=False, **words,
        ).images[0], int,
    )  # fmt: skip


def test_pictures_lie_side_by_side_and_are_told_apart(worker, pictures):
    pipe = worker.easel.pipes.base

    with heard(pipe.transformer) as calls:
        drawn(pipe, images=pictures)

    places = calls[0][1]["img_ids"].long()
    patch = pipe.vae_scale_factor * 2
    own, *seen = (places[places[:, 0] == number] for number in range(4))
    assert len(own) == (64 // patch) ** 2
    column = 0
    for picture, found in zip(pictures, seen, strict=True):
        columns, rows = picture.width // patch, picture.height // patch
        assert len(found) == rows * columns
        assert sorted(set(found[:, 1].tolist())) == list(range(rows))
        assert sorted(set(found[:, 2].tolist())) == list(range(column, column + columns))
        column += columns
    assert len(places) == len(own) + sum(map(len, seen))
    assert calls[0][1]["hidden_states"].shape[1] == len(places)


def test_of_one_picture_it_makes_what_kontext_makes(worker, pictures):
    pipe = worker.easel.pipes.base
    plain = FluxKontextPipeline(**pipe.components)
    plain.set_progress_bar_config(disable=True)

    of_one = drawn(pipe, images=pictures[:1])

    assert (of_one == drawn(plain, image=pictures[0])).all()
    assert np.abs(of_one - drawn(pipe, images=pictures[:2])).max() > 1
    assert np.abs(drawn(pipe, images=pictures[1::-1]) - drawn(pipe, images=pictures[:2])).max() > 1


def test_its_adaptation_is_part_of_its_weights(shelf, worker):
    pipe = worker.easel.pipes.base
    before = FluxKontextPipeline.from_pretrained(
        worker.model.repo, use_safetensors=True
    ).transformer
    lora = load_file(shelf.saved("xiabs/DreamOmni2") / ADAPTATION)
    name = "transformer_blocks.0.attn.to_q"
    up, down = (lora[f"transformer.{name}.lora_{side}.weight"] for side in "BA")

    melted = pipe.transformer.get_submodule(name).weight

    assert torch.allclose(melted, before.get_submodule(name).weight + up @ down, atol=1e-5)
    assert not torch.allclose(melted, before.get_submodule(name).weight, atol=1e-3)
    assert pipe.get_list_adapters() == {}


def test_the_reader_sees_every_picture_and_what_it_says_is_drawn(worker, asked):
    reader, pipe = worker.reader, worker.easel.pipes.base

    with (heard(reader.model) as read, heard(reader.model.model.visual) as looked,
          heard(pipe.text_encoder_2) as drew):  # fmt: skip
        output, desk = asked(2, prompt=f"put {PATCH} on the mat")

    ids = read[0][1]["input_ids"]
    text = reader.tokenizer.decode(ids[0])
    assert text.count("<|vision_start|>") == 2
    end = "put < |image_pad|> on the mat It is editing task.<|im_end|>\n<|im_start|>assistant"
    assert text.endswith(end)
    seen = int((ids == reader.tokenizer.convert_tokens_to_ids(PATCH)).sum())
    assert seen == sum(len(args[0]) // 4 for args, _ in looked)
    said = desk.messages[0].removeprefix("drawn as: ")
    assert said
    known = pipe.tokenizer_2(said, padding="max_length", max_length=512, truncation=True)
    assert drew[0][0][0].tolist()[0] == known["input_ids"]
    with Image.open(path_of(output.image)) as picture:
        assert picture.size == (output.image.width, output.image.height)


def test_equal_wishes_are_read_alike_also_where_memory_is_short(asked):
    _, first = asked()
    _, second = asked(low_memory=True)
    _, third = asked()

    assert first.messages == second.messages == third.messages


def test_a_job_that_is_cancelled_while_it_is_read_ends_at_the_next_word(worker, tmp_path):
    words = []

    class Impatient(Desk):
        @property
        def cancelled(self):
            return len(words) >= 3

    desk = Impatient(tmp_path, ENDPOINT)
    handle = worker.reader.model.register_forward_hook(lambda *_: words.append(1))
    try:
        with pytest.raises(Cancelled):
            worker.reader.says([Image.new("RGB", (64, 64))], "a cat", lambda: rephrasing.heed(desk))
    finally:
        handle.remove()

    assert len(words) == 3


def test_what_it_cannot_take_is_refused_by_its_place(worker, tmp_path):
    takes = worker.spec.endpoints[0].input
    url = "https://example.org/no.png"
    (tmp_path / "no.png").write_bytes(b"no picture")
    desk = Desk(tmp_path, ENDPOINT, files={url: tmp_path / "no.png"})

    with pytest.raises(InvalidInput, match="image_urls are 6; this model takes 5 at most"):
        worker.run(takes(image_urls=[url] * 6, prompt="a cat"), desk)
    with pytest.raises(InvalidInput) as refused:
        worker.run(takes(image_urls=[url], prompt="a cat"), desk)
    assert refused.value.problems[0].loc == ("body", "image_urls", 0)


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        ("<gen> a cat on a mat </gen>", "a cat on a mat"),
        ("<edit>\na cat\n</edit>", "a cat"),
        ("<gen>a cat that never en", "a cat that never en"),
        ("a <b>cat</b>", "a <b>cat</b>"),
        ("  a cat\n", "a cat"),
        ("<gen></gen>", ""),
    ],
)
def test_what_the_reader_says_comes_without_its_tags(said, wanted):
    assert untagged(said) == wanted


@pytest.mark.parametrize(
    ("size", "wanted"),
    [((1000, 1000), (1024, 1024)), ((1920, 1080), (1392, 752)), ((10, 1000), (672, 1568))],
)
def test_a_picture_is_seen_at_a_size_that_kontext_was_taught_with(size, wanted):
    assert suited(size) == wanted
