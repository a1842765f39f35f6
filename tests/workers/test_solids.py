"""Shap-E as a tiny twin with random weights, through its own worker; its files are opened again."""

from __future__ import annotations

import pytest
from PIL import Image

from pilotlight import Cancelled, InvalidInput, OutOfMemory
from pilotlight.testing import run_once
from tests.workers import glb
from tests.workers.shelf import Desk
from tests.workers.small import Small, path_of
from workers.engines.solids import gltf, modelling
from workers.production import shap_e_img2img as shap_e

np = pytest.importorskip("numpy")
torch = pytest.importorskip("torch")
pytest.importorskip("diffusers")

# NumPy's new way with a tensor is not what Heun's steps take yet.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

URL = "https://example.org/cup.png"
CUP = {"image_url": URL, "seed": 7, "num_inference_steps": 2, "grid_size": 24}


@pytest.fixture(scope="module")
def twin(tmp_path_factory):
    return Small(tmp_path_factory.mktemp("small"))


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
