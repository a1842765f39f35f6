"""ACE-Step as a tiny twin with random weights, through its own worker; its files are opened again."""

from __future__ import annotations

import random
import re
import tomllib

import pytest

from pilotlight import Cancelled, InvalidInput, OutOfMemory
from pilotlight.catalogue import discover
from pilotlight.contracts import endpoints as public
from pilotlight.contracts.example import example_of
from pilotlight.execution.retry import Failure, Retry, decide
from pilotlight.settings import RouteSettings
from pilotlight.testing import run_once
from tests.live import ROOT
from tests.workers.shelf import Desk
from tests.workers.small import Small, path_of
from workers.engines.music import files as music_files
from workers.production import ace_step_v15_xl_turbo as ace_step

np = pytest.importorskip("numpy")
torch = pytest.importorskip("torch")
pytest.importorskip("diffusers")
pytest.importorskip("av")

# PyTorch's new name for it is not what diffusers' Oobleck calls yet.
pytestmark = pytest.mark.filterwarnings("ignore:.*weight_norm:FutureWarning")

SONG = {"prompt": "a slow waltz", "lyrics": "[verse] la la", "duration": 10, "seed": 7,
        "num_inference_steps": 2}  # fmt: skip


@pytest.fixture(scope="module")
def twin(tmp_path_factory):
    return Small(tmp_path_factory.mktemp("small"))


def heard(path):
    """Channel by channel, from -1 to 1, and how many numbers a second."""
    import av

    with av.open(str(path)) as file:
        (stream,) = file.streams
        frames = list(file.decode(stream))
        pieces = [one.to_ndarray() for one in frames]
        channels = frames[0].layout.nb_channels
        if not frames[0].format.is_planar:
            pieces = [one.reshape(-1, channels).T for one in pieces]
        sound = np.concatenate(pieces, axis=1).astype(float)
        scale = {"s16": 32768, "s32": 2**31}.get(frames[0].format.name, 1)
        return sound / scale, frames[0].sample_rate


@pytest.mark.parametrize("form", ["wav", "flac", "mp3"])
def test_music_is_as_long_as_was_asked_for_and_can_be_played(twin, tmp_path, form):
    desk = Desk(tmp_path, ace_step.NAME)

    music = twin(ace_step).run(ace_step.Compose(**SONG, output_format=form), desk)

    sound, rate = heard(path_of(music.audio))
    assert (rate, len(sound)) == (music.sample_rate, 2) == (8000, 2)
    assert music.duration == 10
    assert sound.shape[1] / rate == pytest.approx(10, abs=0.3 if form == "mp3" else 0)
    assert np.abs(sound).max() > 0.1
    assert music.audio.content_type == {"wav": "audio/wav", "flac": "audio/flac",
                                        "mp3": "audio/mpeg"}[form]  # fmt: skip
    assert desk.fractions == pytest.approx([0.475, 0.95, 1])


def test_what_a_contract_asks_for_is_enough(twin, tmp_path):
    music = run_once(twin(ace_step), example_of(ace_step.Compose) | {"duration": 10},
                     folder=tmp_path)  # fmt: skip

    assert music.seed >= 0
    with pytest.raises(InvalidInput) as caught:
        run_once(twin(ace_step), SONG | {"duration": 1000}, folder=tmp_path)
    assert [one.loc for one in caught.value.problems] == [("body", "duration")]


def test_the_route_that_the_page_shows_puts_it_behind_a_public_id(twin, tmp_path):
    page = (ROOT / "docs" / "production.md").read_text()
    shown = [
        tomllib.loads(one)["route"] for one in re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    ]
    (said,) = [one for block in shown for one in block if one["worker"] == ace_step.NAME]
    route = RouteSettings.model_validate(said)
    served = discover(["workers.production"], [route]).endpoint(route.endpoint)
    contract = public.contract(route.endpoint)
    given = {"prompt": "[verse] la la la", "lyrics_prompt": "a slow waltz", "audio_setting": None}
    contract.input.model_validate(given)

    asked = served.own.input.model_validate(served.route.translate(given) | {"duration": 10})
    song = run_once(twin(ace_step), asked, folder=tmp_path)

    assert (served.endpoint.input, served.own.id) == (contract.input, ace_step.NAME)
    assert (asked.prompt, asked.lyrics) == ("a slow waltz", "[verse] la la la")
    assert song.audio.content_type == "audio/mpeg"
    contract.output.model_validate(song.model_dump())


def test_equal_seeds_make_equal_music_and_its_words_count(twin, tmp_path):
    def made(**more):
        music = run_once(twin(ace_step), SONG | more, folder=tmp_path)
        return path_of(music.audio).read_bytes()

    first = made()

    assert made() == first
    assert made(seed=8) != first
    assert made(prompt="a fast march") != first
    assert made(lyrics="") != first


def test_a_cancelled_song_ends_at_the_next_step(twin, tmp_path):
    desk = Desk(tmp_path, ace_step.NAME, patience=3)

    with pytest.raises(Cancelled):
        twin(ace_step).run(ace_step.Compose(**SONG | {"num_inference_steps": 8}), desk)

    assert len(desk.fractions) == 3


def test_a_sound_decoded_by_stretches_is_the_one_decoded_at_once():
    from tests.workers import twins, twins_heard_and_held
    from workers.engines.music.stretches import BESIDE, by_stretches

    coder = twins.build(twins_heard_and_held.oobleck).eval()
    latents = torch.randn(1, 8, 3 * BESIDE + 5, generator=torch.Generator().manual_seed(0))
    sizes = []
    handle = coder.decoder.register_forward_pre_hook(
        lambda _module, args: sizes.append(args[0].shape[-1])
    )

    with torch.no_grad():
        whole = coder.decode(latents).sample
        with by_stretches(coder, 10):
            pieced = coder.decode(latents).sample
        again = coder.decode(latents).sample
    handle.remove()

    assert pieced.shape == whole.shape
    assert torch.allclose(pieced, whole, atol=1e-5)
    assert torch.equal(again, whole)
    assert max(sizes[1:-1]) == 10 + 2 * BESIDE


def test_music_for_which_there_was_no_memory_is_decoded_in_shorter_stretches(twin, tmp_path):
    decoder = twin(ace_step).pipes.base.vae.decoder
    room = (5 + 3) * 25 + 1

    def unless_short(_module, args):
        if args[0].shape[-1] > room:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    handle = decoder.register_forward_pre_hook(unless_short)
    try:
        with pytest.raises(OutOfMemory, match="Tried to allocate") as caught:
            run_once(twin(ace_step), SONG, folder=tmp_path)
        retry = decide(
            Failure.of(caught.value), attempt=1, max_attempts=3, rng=random.Random(1)
        )  # fmt: skip
        assert isinstance(retry, Retry)
        spared = run_once(twin(ace_step), SONG, folder=tmp_path, low_memory=retry.low_memory)
    finally:
        handle.remove()

    less, _ = heard(path_of(spared.audio))
    whole, _ = heard(path_of(run_once(twin(ace_step), SONG, folder=tmp_path).audio))
    assert np.abs(less - whole).max() < 0.001


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("form", ["wav", "flac"])
def test_a_sound_comes_out_of_its_file_as_it_went_in(tmp_path, form, channels):
    times = np.arange(100_001) / 48_000
    sound = np.stack([0.5 * np.sin(2 * np.pi * tone * times) for tone in (220, 330)[:channels]])
    sound[0, :3] = [np.nan, 2.0, -2.0]

    kind = music_files.write(tmp_path / f"a.{form}", sound, 48_000, form)

    read, rate = heard(tmp_path / f"a.{form}")
    assert (rate, read.shape, kind) == (48_000, sound.shape, f"audio/{form}")
    assert np.abs(read[:, 3:] - sound[:, 3:]).max() < 0.0001
    assert read[0, :3] == pytest.approx([0, 1, -1], abs=0.0001)
