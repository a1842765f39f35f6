"""Whether the machine's memory can take what leaves a GPU: a container that takes more is killed."""

from __future__ import annotations

import pytest

from tests.workers.twin_pictures import KREA
from workers.engines import room
from workers.engines.diffusers.memory import sparing

GIB = 1024**3


def told(folder, *, most=None, taken=0, files=0):
    (folder / "meminfo").write_text(f"MemTotal: 9 kB\nMemAvailable:   {8 * 1024**2} kB\n")
    if most is not None:
        (folder / "memory.max").write_text(f"{most}\n")
        (folder / "memory.current").write_text(f"{taken}\n")
        (folder / "memory.stat").write_text(f"anon 7\nfile {files}\nkernel 3\n")
    return room.free_bytes(folder / "meminfo", folder)


def test_a_machine_says_what_it_has_left(tmp_path):
    assert told(tmp_path) == 8 * GIB


def test_a_container_has_its_share_and_files_kept_in_memory_make_room(tmp_path):
    assert told(tmp_path, most=6 * GIB, taken=5 * GIB, files=3 * GIB) == 4 * GIB
    assert told(tmp_path, most="max", taken=5 * GIB) == 8 * GIB


def test_where_nobody_says_nothing_is_known(tmp_path):
    assert room.free_bytes(tmp_path / "none", tmp_path) is None


@pytest.mark.parametrize(("left", "holds"), [(None, True), (4 * GIB, False), (7 * GIB, True)])
def test_what_lies_elsewhere_wants_room_here(monkeypatch, left, holds):
    import torch

    monkeypatch.setattr(room, "free_bytes", lambda: left)

    assert room.holds([torch.nn.Linear(GIB, 1, device="meta")]) is holds
    assert room.holds([torch.nn.Linear(2, 2)])  # is here already


def test_without_room_a_model_stays_where_it_is_and_works_by_tiles(shelf, monkeypatch, draw):
    pipes = shelf.worker("flux-krea-lora").easel.pipes
    monkeypatch.setattr(room, "holds", lambda _parts: False)

    assert shelf.worker("flux-krea-lora").park() is False
    with sparing(pipes.base, "cpu:0"):
        assert pipes.base.vae.use_tiling
        assert not any(hasattr(part, "_hf_hook") for part in pipes.base.components.values())
    assert not pipes.base.vae.use_tiling
    assert draw("flux-krea-lora", KREA).images


def test_with_room_only_the_part_at_work_is_on_the_gpu(shelf, draw):
    pipes = shelf.worker("flux-krea-lora").easel.pipes

    with sparing(pipes.base, "cpu:0"):
        assert hasattr(pipes.base.transformer, "_hf_hook")
    assert not hasattr(pipes.base.transformer, "_hf_hook")
    assert draw("flux-krea-lora", KREA).images
