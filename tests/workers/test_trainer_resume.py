"""A training that was killed on its way ends with the very weights it would have had anyway."""

from __future__ import annotations

import io
import os
import signal
import zipfile
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from PIL import Image, ImageDraw

from pilotlight import Cancelled
from pilotlight.client import Client
from pilotlight.contracts.events import Checkpoint, Log, Progress, Run
from pilotlight.errors import HandedBack
from pilotlight.execution.child_context import AttemptContext
from pilotlight.testing import run_once
from tests.live import KEY, until, up
from workers.engines.training.diary import Diary
from workers.engines.training.state import TrainingState
from workers.starters.trainer import WORKER

ARCHIVE = "https://example.org/discs.zip"
ASKED = {"number_of_steps": 16, "checkpoint_steps": 3, "trigger_phrase": "a disc", "seed": 4}
SAVED = "checkpoint at step 3 of 16"
ENDPOINT = "pilotlight/trainer"

pytestmark = pytest.mark.timeout(240)


@pytest.fixture(scope="module")
def lesson(tmp_path_factory):
    path = tmp_path_factory.mktemp("lesson") / "discs.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(4):
            drawn = io.BytesIO()
            picture = Image.new("RGB", (96, 96), "white")
            ImageDraw.Draw(picture).ellipse((20 + number, 20, 70, 70 - number), fill="black")
            picture.save(drawn, "PNG")
            archive.writestr(f"{number}.png", drawn.getvalue())
    return path


def teach(lesson, folder, **more):
    folder.mkdir()
    asked = {"training_data_url": ARCHIVE} | ASKED
    made = run_once(WORKER, asked, folder=folder, files={ARCHIVE: lesson}, **more)
    return Path(unquote(urlsplit(made.lora_file.url).path)).read_bytes()


@pytest.fixture(scope="module")
def undisturbed(lesson, tmp_path_factory):
    """The weights of a training that nothing breaks off."""
    return teach(lesson, tmp_path_factory.mktemp("whole") / "out")


def test_what_goes_on_from_a_checkpoint_is_the_same_to_the_bit(lesson, undisturbed, tmp_path):
    told, again = [], []

    def breaks_off(event):
        told.append(event)
        if isinstance(event, Log) and event.line == SAVED:
            raise Cancelled("the machine is taken away")

    with pytest.raises(Cancelled):
        teach(lesson, tmp_path / "first", hear=breaks_off)
    saved = tmp_path / "first" / "checkpoint.safetensors"
    assert SAVED in [event.line for event in told if isinstance(event, Log)]

    assert teach(lesson, tmp_path / "then", hear=again.append, checkpoint=saved) == undisturbed
    fractions = [event.fraction for event in again if isinstance(event, Progress)]
    assert min(fractions) > 3 / 16
    assert "this attempt went on from step 3" in [e.line for e in again if isinstance(e, Log)]


def begun(facts):
    """A training of one weight after its fifth step."""
    import torch

    weight = torch.nn.Parameter(torch.ones(3))
    optimiser = torch.optim.AdamW([weight])
    weight.sum().backward()
    optimiser.step()
    return weight, TrainingState([weight], optimiser, facts, step=5)


def test_a_training_whose_replica_leaves_saves_the_step_it_came_to_and_hands_itself_back(tmp_path):
    run = Run("one", 1, ENDPOINT, 1, "{}", str(tmp_path))
    context = AttemptContext(run, lambda said: isinstance(said, Checkpoint) and context.saved(""))
    diary, (_, state) = Diary(context, steps=16), begun("eight steps")
    diary.step(4, 0.1, state)
    assert list(tmp_path.iterdir()) == []
    context.leaving = True
    with pytest.raises(HandedBack):
        diary.step(5, 0.1, state)

    (saved,) = tmp_path.iterdir()
    assert begun("eight steps")[1].load(saved) == 5


def test_the_checkpoint_of_another_training_is_left_alone(tmp_path):
    import torch

    saved = begun("eight steps")[1].save(tmp_path / "saved.safetensors")
    weight, other = begun("nine steps")
    before = weight.clone()

    assert other.load(saved) == 0
    assert torch.equal(weight, before)
    assert begun("eight steps")[1].load(saved) == 5


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    with up(tmp_path_factory.mktemp("school"), options=("--starters",)) as live:
        yield live


def take_away(house, victim):
    (pid,) = house.models("trainer") if victim == "child" else house.replicas("trainer")
    if victim != "spot notice":
        os.kill(pid, signal.SIGKILL)
        return

    os.kill(pid, signal.SIGTERM)
    until(lambda: pid not in house.replicas("trainer"), what="the replica to leave")


@pytest.mark.parametrize(
    "victim",
    ["child", *(pytest.param(one, marks=pytest.mark.slow) for one in ("spot notice", "replica"))],
)
def test_a_training_whose_process_is_taken_away_ends_with_the_same_weights(
    house, lesson, undisturbed, tmp_path, victim
):
    with Client(house.url, KEY) as client:
        url = client.upload(lesson, content_type="application/zip").url
        job = client.submit(ENDPOINT, ASKED | {"training_data_url": url})

        def lines():
            told = house.status(ENDPOINT, job.id).get("logs") or []
            return [entry["message"] for entry in told]

        until(lambda: SAVED in lines(), what="the first checkpoint", patience_s=120)
        take_away(house, victim)
        done = job.result(wait_s=180)
        (went_on,) = [line for line in lines() if line.startswith("this attempt went on from")]
        if victim == "spot notice":  # from the very step that it had come to
            checkpoints = [line for line in lines() if line.startswith("checkpoint at")]
            assert f"checkpoint at step {went_on.split()[-1]} of 16" in checkpoints
            assert len(set(checkpoints)) == len(checkpoints)  # no step was done twice
        (lora,) = [one for one in done.artifacts if one.file_name.endswith(".safetensors")]
        kept = client.download(lora, tmp_path / "lora.safetensors")
        assert kept.read_bytes() == undisturbed
