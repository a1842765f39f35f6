"""The models worth a GPU that make music and solids: importable anywhere, in words that diffusers
knows, and run as tiny twins with random weights. What they write is opened again."""

from __future__ import annotations

import dataclasses
import inspect
import random
import subprocess
import sys
import warnings
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from PIL import Image

from pilotlight import Cancelled, InvalidInput, OutOfMemory
from pilotlight.adapters.aws.machines import gpu_class
from pilotlight.catalogue import discover
from pilotlight.contracts.example import example_of
from pilotlight.execution.retry import Failure, Retry, decide
from pilotlight.testing import run_once
from tests.live import ROOT
from tests.workers import glb
from tests.workers.shelf import Desk
from workers.engines.music import composing
from workers.engines.music import files as music_files
from workers.engines.solids import gltf, modelling
from workers.production import ace_step_v15_xl_turbo as ace_step
from workers.production import shap_e_img2img as shap_e

np = pytest.importorskip("numpy")
torch = pytest.importorskip("torch")
pytest.importorskip("diffusers")

MODULES = (ace_step, shap_e)
WORDS = {ace_step.NAME: composing.WORDS, shap_e.NAME: modelling.WORDS}
pytestmark = [
    # PyTorch's new name for it is not what diffusers' Oobleck calls yet.
    pytest.mark.filterwarnings("ignore:.*weight_norm:FutureWarning"),
    # Nor is NumPy's new way with a tensor what Heun's steps take.
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]


def path_of(file):
    return Path(unquote(urlsplit(file.url).path))


@pytest.fixture(scope="module")
def twin(tmp_path_factory):
    """A declared model with a tiny one's random weights, loaded through its own ``load``."""
    from tests.workers import twins, twins_heard_and_held

    loaded, folder = {}, tmp_path_factory.mktemp("twins")

    def worker(module):
        if module.NAME not in loaded:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                made = twins.build(twins_heard_and_held.BY_REPO[module.MODEL.repo])
                made.save_pretrained(folder / module.NAME, variant=module.MODEL.files or None)
                model = dataclasses.replace(module.MODEL, repo=str(folder / module.NAME))
                kind = module.WORKER
                loaded[module.NAME] = type(kind.__name__, (kind,), {"model": model})()
                loaded[module.NAME].load()
        return loaded[module.NAME]

    return worker


def test_they_are_imported_without_any_heavy_library():
    program = (
        "import importlib, sys; [importlib.import_module(one) for one in sys.argv[1].split()];"
        "heavy = {'torch', 'diffusers', 'transformers', 'numpy', 'PIL', 'av'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    names = " ".join(module.__name__ for module in MODULES)
    told = subprocess.run(
        [sys.executable, "-c", program, names], cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert told.stdout.strip() == "[]"


@pytest.mark.parametrize("module", MODULES, ids=lambda one: one.NAME)
def test_every_class_and_argument_is_one_that_the_installed_diffusers_has(module):
    import diffusers

    takes = inspect.signature(getattr(diffusers, module.MODEL.pipeline).__call__).parameters

    assert set(takes) >= WORDS[module.NAME]
    assert module.NAME in discover(["workers.production"]).workers


@pytest.mark.parametrize("module", MODULES, ids=lambda one: one.NAME)
def test_the_page_about_them_says_what_is_declared(module):
    model, spec = module.MODEL, module.WORKER.spec
    rows = (ROOT / "docs" / "production.md").read_text().splitlines()
    (row,) = [one for one in rows if one.startswith(f"| `{spec.endpoints[0].id}` |")]

    precision = {"bfloat16": "bf16", "float32": "fp32"}[model.dtype]
    told = [cell.strip() for cell in row.strip("|").split("|")][1:6]
    assert told == [model.repo, model.licence, f"{model.gpu_memory_gib:g}", gpu_class(spec).name,
                    precision]  # fmt: skip
    assert spec.gpu_memory_gib == model.gpu_memory_gib
    assert model.licence == "MIT"


# Music

SONG = {"prompt": "a slow waltz", "lyrics": "[verse] la la", "duration": 10, "seed": 7,
        "num_inference_steps": 2}  # fmt: skip


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
    pytest.importorskip("av")
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
    pytest.importorskip("av")
    times = np.arange(100_001) / 48_000
    sound = np.stack([0.5 * np.sin(2 * np.pi * tone * times) for tone in (220, 330)[:channels]])
    sound[0, :3] = [np.nan, 2.0, -2.0]

    kind = music_files.write(tmp_path / f"a.{form}", sound, 48_000, form)

    read, rate = heard(tmp_path / f"a.{form}")
    assert (rate, read.shape, kind) == (48_000, sound.shape, f"audio/{form}")
    assert np.abs(read[:, 3:] - sound[:, 3:]).max() < 0.0001
    assert read[0, :3] == pytest.approx([0, 1, -1], abs=0.0001)


# Solids

URL = "https://example.org/cup.png"
CUP = {"image_url": URL, "seed": 7, "num_inference_steps": 2, "grid_size": 24}


@pytest.fixture
def model(twin, tmp_path):
    picture = tmp_path / "cup.png"
    Image.effect_noise((64, 48), 90).convert("RGB").save(picture)

    def run(**more):
        less = more.pop("low_memory", False)
        return run_once(twin(shap_e), CUP | more, folder=tmp_path, files={URL: picture},
                        low_memory=less)  # fmt: skip

    run.picture = picture
    return run


def test_a_solid_is_a_glb_that_holds_to_the_specification(twin, model, tmp_path):
    desk = Desk(tmp_path, shap_e.NAME, files={URL: model.picture})

    solid = twin(shap_e).run(shap_e.ImageTo3d(**CUP), desk)

    file = path_of(solid.model_glb)
    found = glb.opened(file.read_bytes())
    assert (len(found.corners), len(found.faces)) == (solid.vertices, solid.faces)
    assert solid.faces > 100
    assert np.abs(found.corners).max() <= 1.1
    assert (found.colours[:, 3] == 255).all()
    assert len(np.unique(found.colours[:, :3], axis=0)) > 1
    assert glb.volume(found) > 0
    assert (file.suffix, solid.model_glb.content_type) == (".glb", "model/gltf-binary")
    # Three passes are two of Heun's steps.
    assert desk.fractions == pytest.approx([0.8 / 3, 1.6 / 3, 0.8, 0.8, 1])


def test_equal_seeds_make_equal_solids_and_the_picture_counts(model):
    def made(**more):
        return path_of(model(**more).model_glb).read_bytes()

    first = made()

    assert made() == first
    assert made(low_memory=True) == first
    assert made(seed=8) != first
    Image.new("RGB", (64, 48), "red").save(model.picture)
    assert made() != first


def test_what_shines_through_stands_on_white(model):
    clear = Image.new("RGBA", (64, 48), (255, 0, 0, 0))
    clear.paste((0, 0, 255, 255), (16, 8, 48, 40))
    clear.save(model.picture)
    through = path_of(model().model_glb).read_bytes()
    Image.alpha_composite(Image.new("RGBA", clear.size, "white"), clear).convert("RGB").save(
        model.picture
    )

    assert path_of(model().model_glb).read_bytes() == through


def test_a_cancelled_solid_ends_at_the_next_pass(twin, model, tmp_path):
    worker = twin(shap_e)
    desk = Desk(tmp_path, shap_e.NAME, files={URL: model.picture}, patience=4)

    with pytest.raises(Cancelled):
        worker.run(shap_e.ImageTo3d(**CUP | {"num_inference_steps": 20}), desk)

    assert len(desk.fractions) == 4
    model()  # nothing of it hangs on


def test_a_picture_that_gives_no_solid_is_an_input_that_will_not_do(twin, model):
    mesh_decoder = twin(shap_e).pipes.base.shap_e_renderer.mesh_decoder

    def empty(_module, args):
        return (args[0] * 0 - 1, *args[1:])

    handle = mesh_decoder.register_forward_pre_hook(empty)
    try:
        with pytest.raises(InvalidInput, match="image_url gave no solid; try another seed"):
            model()
    finally:
        handle.remove()
    assert model().faces


def test_a_solid_for_which_there_was_no_memory_is_asked_about_in_smaller_parts(twin, model):
    network = twin(shap_e).pipes.base.shap_e_renderer.mlp

    def unless_few(_module, _args, words):
        if words["position"].shape[1] > 4096:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    handle = network.register_forward_pre_hook(unless_few, with_kwargs=True)
    try:
        with pytest.raises(OutOfMemory, match="Tried to allocate"):
            model()
        assert model(low_memory=True).faces
    finally:
        handle.remove()


def test_a_ball_is_round_closed_and_the_right_way_out(tmp_path):
    """Through the pipeline's own marching cubes, with the table that its weights bring."""
    from diffusers.pipelines.shap_e.renderer import MeshDecoder

    from tests.workers import twins_heard_and_held

    decoder = MeshDecoder()
    for name, table in zip(("cases", "masks"), twins_heard_and_held.marching_cubes(), strict=True):
        getattr(decoder, name).copy_(table)
    lines = torch.linspace(-1, 1, 32)
    places = torch.stack(torch.meshgrid(lines, lines, lines, indexing="ij"), -1)
    high = torch.tensor([0.0, 0.0, 0.25])  # Shap-E's z is up
    mesh = decoder(
        0.5 - (places - high).norm(dim=-1), torch.full((3,), -1.0), torch.full((3,), 2.0)
    )
    mesh.vertex_channels = {name: torch.full((len(mesh.verts),), share)
                            for name, share in zip("RGB", (1.0, 0.5, 0.0), strict=True)}  # fmt: skip

    gltf.write(tmp_path / "ball.glb", modelling._surface(mesh))

    found = glb.opened((tmp_path / "ball.glb").read_bytes())
    away = found.corners - np.array([0, 0.25, 0])  # glTF's y is
    assert np.linalg.norm(away, axis=1) == pytest.approx(0.5, abs=0.01)
    assert ((found.normals * away).sum(1) > 0.45).all()
    assert glb.is_closed(found)
    assert glb.volume(found) == pytest.approx(4 / 3 * np.pi * 0.5**3, rel=0.03)
    assert (found.colours == [255, 128, 0, 255]).all()


@pytest.mark.parametrize(
    ("faces", "words"),
    [(np.zeros((0, 3), int), "one triangle at least"), (np.array([[0, 1, 3]]), "none of the 3")],
)
def test_a_surface_that_no_viewer_could_show_is_not_written(tmp_path, faces, words):
    surface = gltf.Surface(np.eye(3), faces, np.ones((3, 3)))

    with pytest.raises(ValueError, match=words):
        gltf.write(tmp_path / "a.glb", surface)
    assert not (tmp_path / "a.glb").exists()
