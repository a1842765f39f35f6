"""The starter model draws what it is asked: colours and shapes are read off its pixels."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image as Pictures
from pydantic import BaseModel, ValidationError

from pilotlight import Cancelled, Context, Image
from pilotlight.testing import run_once
from workers.shapes import WEIGHTS, Input, Output, Shapes

ROOT = Path(__file__).resolve().parents[2]
MAX_BYTES = 12_000_000


class Desk(Context):
    """A context that keeps what it is told; it cancels after ``patience`` steps."""

    def __init__(self, folder: Path, *, streaming: bool = False, patience: int = 1000) -> None:
        self.job_id, self.endpoint, self.attempt = "job", "pilotlight/shapes", 1
        self.folder, self.streaming, self.low_memory = folder, streaming, False
        self.patience = patience
        self.fractions: list[float] = []
        self.partials: list[Any] = []
        self.messages: list[str] = []

    def progress(self, fraction: float, note: str = "") -> None:
        self.fractions.append(fraction)
        if self.cancelled:
            raise Cancelled("the job was cancelled")

    def partial(self, output: BaseModel) -> None:
        self.partials.append(output)

    def log(self, message: str) -> None:
        self.messages.append(message)

    def input_file(self, url: str) -> Path:
        raise AssertionError(f"no input file here: {url}")

    @property
    def cancelled(self) -> bool:
        return len(self.fractions) >= self.patience


@pytest.fixture(scope="module")
def worker():
    shapes = Shapes()
    shapes.load()
    return shapes


@pytest.fixture
def draw(worker, tmp_path_factory):
    def draw(prompt: str, **fields: Any) -> Output:
        desk = Desk(tmp_path_factory.mktemp("attempt"))
        return worker.run(Input(prompt=prompt, **fields), desk)

    return draw


def path_of(image: Image) -> Path:
    return Path(image.url.removeprefix("file://"))


def bytes_of(output: Output) -> list[bytes]:
    return [path_of(image).read_bytes() for image in output.images]


def picture_of(output: Output) -> Pictures.Image:
    with Pictures.open(path_of(output.images[0])) as picture:
        picture.load()
        return picture


def share(rights: list[bool]) -> float:
    return sum(rights) / len(rights)


def test_thirty_sentences_phrased_unlike_the_training_ones_come_out_right(draw):
    from training.shapes.exam import questions
    from training.shapes.reading import read
    from training.shapes.score import judge

    exam = questions(lone=20, pairs=10, seed=31)
    outputs = [draw(question.prompt, seed=number) for number, question in enumerate(exam)]
    seen = [read(picture_of(output)) for output in outputs]
    marks = [judge(*answer) for answer in zip(seen, exam, strict=True)]

    assert share([mark.background for mark in marks]) >= 0.97
    assert share([right for mark in marks for right in mark.colours]) >= 0.95
    assert share([right for mark in marks for right in mark.shapes]) >= 0.90


def test_a_reader_of_real_drawings_makes_no_mistake():
    from random import Random

    from training.shapes import scenes
    from training.shapes.drawing import draw
    from training.shapes.reading import read

    rng = Random(5)
    drawn = [scenes.lone(rng) for _ in range(40)]
    pixels = draw(drawn).add(1).mul(127.5).byte().permute(0, 2, 3, 1).numpy()
    seen = [read(Pictures.fromarray(one)) for one in pixels]

    assert [one.background for one in seen] == [scene.background for scene in drawn]
    assert [(one.things[0].colour, one.things[0].shape) for one in seen] == [
        (scene.things[0].colour, scene.things[0].shape) for scene in drawn
    ]


def test_equal_seeds_give_equal_bytes_and_other_seeds_do_not(draw):
    first, again = draw("a blue ring on white", seed=11), draw("a blue ring on white", seed=11)
    other = draw("a blue ring on white", seed=12)

    assert bytes_of(first) == bytes_of(again)
    assert bytes_of(first) != bytes_of(other)


def test_image_k_of_several_is_the_one_image_of_seed_plus_k(draw):
    together = draw("a red star on black", seed=40, num_images=3)
    alone = [draw("a red star on black", seed=40 + k) for k in range(3)]

    assert bytes_of(together) == [bytes_of(output)[0] for output in alone]
    assert together.has_nsfw_concepts == [False] * 3


def test_a_seed_chosen_by_chance_is_told_and_can_be_used_again(draw):
    chance = draw("an orange cross on green")

    assert bytes_of(draw("an orange cross on green", seed=chance.seed)) == bytes_of(chance)


@pytest.mark.parametrize("name", ["png", "jpeg"])
def test_files_are_what_they_say_they_are(draw, name):
    output = draw("a green square on yellow", seed=1, output_format=name)
    image, picture = output.images[0], picture_of(output)

    assert (image.width, image.height) == picture.size == (96, 96)
    assert image.content_type == f"image/{name}"
    assert picture.format == name.upper()
    assert output.timings["inference"] > 0


def test_a_watcher_sees_every_step_become_the_picture(worker, tmp_path):
    desk = Desk(tmp_path, streaming=True)
    output = worker.run(Input(prompt="a red ring on blue", seed=2, num_inference_steps=5), desk)

    assert desk.fractions == [0.2, 0.4, 0.6, 0.8, 1.0]
    assert len(desk.partials) == 4
    assert len({bytes_of(partial)[0] for partial in desk.partials}) == 4
    assert len(output.images) == 1


def test_nobody_watching_costs_no_pictures(worker, tmp_path):
    worker.run(Input(prompt="a red ring on blue", seed=2), Desk(tmp_path))

    assert [file.name for file in tmp_path.iterdir()] == ["0.png"]


def test_the_framework_takes_what_the_worker_returns(worker, tmp_path):
    output = run_once(worker, {"prompt": "a red ring on blue", "seed": 2}, folder=tmp_path)

    assert output.seed == 2
    assert output.images[0].file_size == (tmp_path / "0.png").stat().st_size


def test_a_cancelled_job_ends_at_the_next_step(worker, tmp_path):
    desk = Desk(tmp_path, patience=2)
    with pytest.raises(Cancelled):
        worker.run(Input(prompt="a red ring on blue", num_images=10), desk)

    assert len(desk.fractions) == 2


def test_the_end_of_a_prompt_that_is_not_read_is_told(worker, tmp_path):
    desk = Desk(tmp_path)
    worker.run(Input(prompt=f"a red ring on blue {'supercalifragilistic ' * 8} unheard"), desk)

    assert len(desk.messages) == 1
    assert "unheard" in desk.messages[0]


def test_a_common_sentence_is_read_to_its_end(worker, tmp_path):
    desk = Desk(tmp_path)
    worker.run(Input(prompt="Please draw me a small red ring on a blue background."), desk)

    assert desk.messages == []


@pytest.mark.parametrize(
    "fields",
    [
        {"prompt": ""},
        {"prompt": "x" * 501},
        {"image_size": "landscape_4_3"},
        {"image_size": {"width": 512, "height": 512}},
        {"num_inference_steps": 21},
        {"num_images": 0},
        {"output_format": "webp"},
    ],
    ids=str,
)
def test_what_the_model_cannot_do_is_refused(fields):
    with pytest.raises(ValidationError) as refusal:
        Input(**{"prompt": "a star"} | fields)

    assert refusal.value.error_count() == 1


def test_fields_of_other_models_are_ignored():
    assert not hasattr(Input(prompt="a star", acceleration="high"), "acceleration")


def test_the_weights_stay_small_enough_to_live_in_the_repository():
    assert sum(file.stat().st_size for file in WEIGHTS.rglob("*") if file.is_file()) < MAX_BYTES


def test_the_contract_is_read_without_the_engine():
    code = (
        "import sys, workers.shapes; print([m for m in ('torch', 'diffusers') if m in sys.modules])"
    )
    run = [sys.executable, "-c", code]
    told = subprocess.run(run, cwd=ROOT, capture_output=True, text=True, check=True)

    assert told.stdout.strip() == "[]"


def test_the_recipe_spells_captions_alike_in_every_run():
    from training.shapes.vocabulary import clip_tokenizer

    assert clip_tokenizer().get_vocab() == clip_tokenizer().get_vocab()


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_recipe_runs_from_nothing_to_a_scored_model(tmp_path):
    run = [sys.executable, "-m", "training.shapes", "--quick", "--out", str(tmp_path / "model")]
    told = subprocess.run(run, cwd=ROOT, capture_output=True, text=True, check=True)

    assert "all right" in told.stdout
    assert (tmp_path / "model" / "pilotlight.json").is_file()
