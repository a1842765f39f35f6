"""Nothing decodes what callers send but the process that is made for it."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DECODERS = {"PIL", "av", "cv2", "soundfile", "librosa", "imageio", "torchaudio", "torchvision"}
OPENS = {("Image", "open"), ("Pictures", "open"), ("av", "open"), ("cv2", "imread")}
MAY_READ = {"engines/media/decoding.py", "engines/video/files.py"}
"""The second copies the sound of a film as it is, undecoded."""


def files(folder):
    return sorted(path for path in (ROOT / folder).rglob("*.py") if "__pycache__" not in path.parts)


def imported(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (name.name.split(".")[0] for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.split(".")[0]


def reads(tree):
    """Calls that open a file to decode it."""
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Name(id=who), attr=what)):
                modes = {arg.value for arg in node.args[1:] if isinstance(arg, ast.Constant)}
                if (who, what) in OPENS and "w" not in modes:
                    yield f"{who}.{what}"


@pytest.mark.parametrize("folder", ["handlers", "pilotlight"])
def test_neither_ingress_nor_core_knows_a_decoder(folder):
    assert len(files(folder)) > 50
    for path in files(folder):
        assert not DECODERS & set(imported(ast.parse(path.read_text()))), path


def test_workers_leave_decoding_to_its_own_process():
    seen = set()
    for path in files("workers"):
        name = path.relative_to(ROOT / "workers").as_posix()
        if list(reads(ast.parse(path.read_text()))):
            seen.add(name)
    assert seen == MAY_READ


def test_the_decoder_imports_nothing_of_ours():
    tree = ast.parse((ROOT / "workers/engines/media/decoding.py").read_text())
    assert not {"pilotlight", "workers", "handlers"} & set(imported(tree))
