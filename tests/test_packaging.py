"""What a stranger meets: the names at the root, the wheel, the README and its pages, all true."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from PIL import Image as Picture
from typer.testing import CliRunner

import pilotlight
from pilotlight.cli import app
from tests.live import ROOT, environment, up
from tests.receiver import receiver

README = (ROOT / "README.md").read_text()
PAGES = README + "".join(page.read_text() for page in sorted((ROOT / "docs").glob("*.md")))
BLOCKS = set(re.findall(r"```python\n(.*?)```", PAGES, re.DOTALL))


def named(start):
    """The block whose first line is a comment with this path."""
    (block,) = [block for block in BLOCKS if block.startswith(f"# {start}\n")]
    return block


@pytest.fixture
def checkout(tmp_path):
    """The three roots in a folder of their own, with the files of the pages added to them."""
    for name in ("handlers", "pilotlight", "workers"):
        keep_out = shutil.ignore_patterns("__pycache__", "starters")
        shutil.copytree(ROOT / name, tmp_path / name, ignore=keep_out)
    files = [
        "workers/shout.py",
        "workers/sepia.py",
        "handlers/dialects/plain.py",
        "handlers/sources/ticket.py",
    ]
    for name in files:
        (tmp_path / name).write_text(named(name))
    return tmp_path


def test_the_public_surface_is_exactly_this():
    assert sorted(pilotlight.__all__) == [
        "ArchiveUrl",
        "AudioUrl",
        "Cancelled",
        "Context",
        "Endpoint",
        "File",
        "Image",
        "ImageUrl",
        "InvalidInput",
        "OutOfMemory",
        "PilotlightError",
        "Problem",
        "Route",
        "VideoUrl",
        "WeightsMissing",
        "WeightsUrl",
        "Worker",
        "WorkerError",
        "WorkerSpec",
        "stage",
    ]


def test_the_wheel_holds_the_core_and_nothing_else(tmp_path):
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*command, "--wheel-dir", tmp_path, ROOT], check=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        roots = {Path(name).parts[0] for name in archive.namelist()}

    assert {root.split("-")[0] for root in roots} == {"pilotlight"}


def test_the_readmes_model_runs_as_it_says(checkout):
    (trial,) = [block for block in BLOCKS if "run_once" in block]

    subprocess.run([sys.executable, "-c", trial], cwd=checkout, check=True)


def test_the_pages_picture_worker_is_tried_without_a_server(checkout, tmp_path):
    Picture.new("RGB", (8, 6), "teal").save(tmp_path / "photo.png")
    words = ["acme/sepia", "--file", "image_url=photo.png", "strength=0.8", "--save", "out"]
    done = subprocess.run(
        [sys.executable, "-m", "pilotlight.cli", "try", *words],
        cwd=checkout, capture_output=True, text=True, env=environment(), check=True,
    )  # fmt: skip

    image = json.loads(done.stdout)["image"]
    assert (image["width"], image["height"]) == (8, 6)
    red, _, blue = Picture.open(tmp_path / "out" / "sepia.png").getpixel((0, 0))
    assert red > blue


def test_the_three_files_of_the_pages_are_found_and_work_together(checkout, tmp_path):
    with up(tmp_path / "data", root=checkout) as live:
        shout = live.ask("POST", "/run/acme/shout", {"text": "hello", "times": 3})
        plain = live.ask("POST", "/plain/acme/shout", {"text": "a"})
        ticket = live.ask("POST", "/events", {"ticket": {"id": 7, "title": "broken"}})
        plain_error = live.ask("POST", "/plain/no/such", {})

        assert shout.json == {"text": "HELLO!!!"}
        assert live.finished("acme/shout", plain.json["id"]).json == {"text": "A!"}
        (job,) = ticket.json["jobs"]
        assert job["key"] == "ticket:7"
        assert live.finished("pilotlight/echo", job["id"]).json == {"text": "broken"}
        assert (plain_error.status, "no/such" in plain_error.json["problem"]) == (404, True)


def test_the_pages_receivers_take_what_is_posted_and_nothing_else(tmp_path):
    with receiver() as hook, up(tmp_path) as live:
        live.ask("POST", f"/queue/pilotlight/echo?fal_webhook={hook.url}", {"text": "lit"})
        posted = hook.next()
        jwks = live.ask("GET", "/.well-known/jwks.json").json
        told = CliRunner().invoke(app, ["webhooks", "secret", "--data", str(tmp_path)])

    assert posted.json["payload"] == {"text": "lit"}
    assert posted.json["status"] == "OK"
    for name, proof in (("by the shared secret", told.stdout.strip()), ("by the public key", jwks)):
        scope = {}
        exec(named(name), scope)
        assert scope["is_ours"](posted.headers, posted.body, proof), name
        assert not scope["is_ours"](posted.headers, posted.body + b" ", proof), name
    assert not scope["is_ours"](posted.headers, posted.body, jwks, "alice"), "dev's, not alice's"


def test_every_command_the_readme_shows_exists():
    shown = set(re.findall(r"^\$ (?:\.venv/bin/)?pilotlight (\w+)", PAGES, re.MULTILINE))
    assert {"up", "submit", "status", "fleet"} <= shown
    for command in shown:
        done = subprocess.run(
            [sys.executable, "-m", "pilotlight.cli", command, "--help"],
            capture_output=True,
            env=environment(),
            check=False,
        )
        assert done.returncode == 0, command


def test_every_target_the_readme_shows_exists():
    targets = set(re.findall(r"[`$ ]make ([a-z][\w-]+)", PAGES))
    makefile = (ROOT / "Makefile").read_text()

    assert {"demo", "test"} <= targets
    assert all(re.search(rf"^{target}:", makefile, re.MULTILINE) for target in targets)


def test_every_file_and_folder_the_readme_names_is_there():
    named = set(
        re.findall(r"`((?:handlers|pilotlight|workers|training|tests|infra|docs)/[\w/.-]+)`", PAGES)
    )
    named -= {name for name in named if re.fullmatch(r"pilotlight/[\w-]+", name)}  # endpoints
    examples = {
        "workers/shout.py",
        "workers/sepia.py",
        "handlers/dialects/NAME.py",
        "handlers/sources/NAME.py",
    }

    assert len(named) >= 4
    assert [path for path in named - examples if not (ROOT / path).exists()] == []
