"""Films through PyPI's ``fal-client``, from the small models of ``pilotlight up --starters``."""

from __future__ import annotations

import gc
import io
import wave
from random import Random

import fal_client
import httpx
import numpy as np
import pytest

from demo.gallery import drawings
from pilotlight.clients import connect_fal
from tests.live import KEY, up
from workers.engines.video import files as video_files

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


ROUTES = """
[[route]]
endpoint = "fal-ai/bytedance/omnihuman"
worker = "speech-to-video"

[[route]]
endpoint = "fal-ai/wan-trainer/t2v"
worker = "trainer"
fixed = { learning_rate = 0.003 }
"""


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    folder = tmp_path_factory.mktemp("films")
    (folder / "routes.toml").write_text(ROUTES)
    options = ("--starters", "--routes", str(folder / "routes.toml"))
    with up(folder / "data", options=options) as live:
        yield live


@pytest.fixture
def fal(house, monkeypatch):
    import fal_client.client as module

    for name in (
        "RUN_URL_FORMAT",
        "QUEUE_URL_FORMAT",
        "REALTIME_URL_FORMAT",
        "REST_URL",
        "CDN_URL",
    ):
        monkeypatch.setattr(module, name, getattr(module, name))
    monkeypatch.setenv("FAL_KEY", KEY)
    connect_fal(house.url)
    made = fal_client.SyncClient(key=KEY)
    yield made
    made._client.close()
    gc.collect()  # it leaves sockets to the garbage collector


def fetched(film, tmp_path):
    path = tmp_path / "film.mp4"
    path.write_bytes(httpx.get(film["url"]).content)
    return np.stack([one.pixels for one in video_files.frames(path, "f")]).astype(float)


def test_a_sentence_becomes_a_film_with_progress_on_the_way(fal, tmp_path):
    told = []
    made = fal.subscribe(
        "pilotlight/text-to-video",
        {"prompt": "a red circle moving right on a blue background", "seed": 3},
        with_logs=True,
        on_queue_update=told.append,
    )

    frames = fetched(made["video"], tmp_path)
    places = [np.argwhere(one[..., 0] > 150)[:, 1].mean() for one in frames]
    assert places[-1] - places[0] > 10
    assert made["seed"] == 3
    assert told


@pytest.mark.parametrize("endpoint", ["pilotlight/speech-to-video", "fal-ai/bytedance/omnihuman"])
def test_an_uploaded_face_says_an_uploaded_recording(fal, tmp_path, endpoint):
    from training.talking.voices import voice

    held = io.BytesIO()
    with wave.open(held, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        samples = (voice(Random(3), 2) * 32_000).clip(-32_767, 32_767)
        file.writeframes(samples.astype(np.int16).tobytes())
    made = fal.subscribe(
        endpoint,
        {
            "image_url": fal.upload(drawings.face(), "image/png", file_name="face.png"),
            "audio_url": fal.upload(held.getvalue(), "audio/wav", file_name="said.wav"),
        },
    )

    frames = fetched(made["video"], tmp_path)
    assert frames.shape[0] == 50
    assert np.abs(frames - frames[0]).max() > 100
    assert made["duration"] == 2


def test_the_trainer_stands_behind_fals_own_id(fal):
    url = fal.upload(drawings.hearts(), "application/zip", file_name="hearts.zip")
    made = fal.subscribe("fal-ai/wan-trainer/t2v", {"training_data_url": url, "number_of_steps": 4})

    facts = httpx.get(made["config_file"]["url"]).json()
    assert (facts["number_of_steps"], facts["learning_rate"], facts["pictures"]) == (4, 0.003, 20)
    assert made["lora_file"]["file_name"].endswith(".safetensors")
