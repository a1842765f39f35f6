"""The real packaging, in a copy of what it reads: nothing of the checkout is written to."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass

import pytest

from tests.live import ROOT, environment

OSLS = ROOT / "node_modules" / ".bin" / "osls"
GPU_WORKER = '''
"""A worker that exists in tests only: 40 GiB of GPU memory, and a dot in its name."""

from typing import ClassVar

from pydantic import BaseModel

from pilotlight import Endpoint, Worker, WorkerSpec
from workers.engines.diffusers.text_to_image import flux_text_to_image


class Text(BaseModel):
    text: str


class Big(Worker[Text, Text]):
    spec: ClassVar = WorkerSpec(
        name="big-model.v2",
        endpoints=(Endpoint(id="acme/big", task="acme/big", input=Text, output=Text),),
        gpu_memory_gib=40,
        timeout_s=600,
        max_replicas=3,
    )

    def run(self, job_input, context):
        return flux_text_to_image(job_input.text)


WORKER = Big
'''
POOL = "swaps.a10g"
POOLED_WORKER = '''
"""A worker that exists in tests only: it shares its hosts."""

from typing import ClassVar

from pydantic import BaseModel

from pilotlight import Endpoint, Worker, WorkerSpec


class Text(BaseModel):
    text: str


class Shared(Worker[Text, Text]):
    spec: ClassVar = WorkerSpec(
        name="NAME",
        endpoints=(Endpoint(id="acme/NAME", task="acme/shared", input=Text, output=Text),),
        gpu_memory_gib=GIB,
        model_gib=GIB / 2,
        pool="POOL",
        timeout_s=300,
    )

    def run(self, job_input, context):
        return job_input


WORKER = Shared
'''.replace("POOL", POOL)
MEMBERS = {"left": 9, "right.v2": 20}


@dataclass(frozen=True)
class Packaged:
    """What ``make package`` leaves behind."""

    template: dict
    path: object
    folder: object
    region: str
    said: str
    """By osls, to whoever packages."""

    def of(self, kind):
        """Resources of a type, by logical id."""
        resources = self.template["Resources"]
        return {k: v for k, v in resources.items() if v["Type"] == f"AWS::{kind}"}

    def properties(self, name):
        return self.template["Resources"][name]["Properties"]


def needs_osls():
    """Skip without npm's part of ``make setup``, but never where ``CI`` is set."""
    if not OSLS.exists():
        in_ci = os.environ.get("CI")  # noqa: TID251 - of the run, not of the product
        missing = pytest.fail if in_ci else pytest.skip
        missing("no osls in node_modules: make setup puts it there")


def package(folder, stage, *params, new_workers=None, region="us-east-1"):
    """Package this checkout, with more worker files by name, for a stage; ``params`` as NAME=VALUE."""
    needs_osls()
    for name in ("infra", "workers"):
        shutil.copytree(
            ROOT / name, folder / name, ignore=shutil.ignore_patterns(".generated", "__pycache__")
        )
    for name in ("serverless.yml", "package.json", "pyproject.toml"):
        shutil.copy(ROOT / name, folder / name)
    (folder / "node_modules").symlink_to(ROOT / "node_modules")
    for name, text in (new_workers or {}).items():
        (folder / "workers" / name).write_text(text)
    run([sys.executable, "-m", "infra.template", "--no-zip", "--region", region], folder)
    (folder / "build").mkdir()
    (folder / "build" / "functions.zip").write_bytes(b"PK\5\6" + bytes(18))
    said = run([OSLS, "package", "--stage", stage, *(f"--param={one}" for one in params)], folder)
    path = folder / ".serverless" / "cloudformation-template-update-stack.json"
    return Packaged(json.loads(path.read_text()), path, folder, region, said)


def run(command, folder):
    env = environment(PYTHONPATH=f"{folder}:{ROOT}")
    done = subprocess.run(
        [*map(str, command)],
        check=False,
        cwd=folder,
        env=env,
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 0, f"{command}:\n{done.stdout}{done.stderr}"
    return done.stdout + done.stderr


@pytest.fixture(scope="session")
def dev(tmp_path_factory):
    """The checkout as it is."""
    return package(tmp_path_factory.mktemp("dev"), "dev")


@pytest.fixture(scope="session")
def prod(tmp_path_factory):
    """The checkout with one worker file more and a pool of two, in another stage."""
    folder = tmp_path_factory.mktemp("prod")
    workers = {
        f"pooled_{number}.py": POOLED_WORKER.replace("NAME", name).replace("GIB", str(gib))
        for number, (name, gib) in enumerate(MEMBERS.items())
    }
    workers["big_model.py"] = GPU_WORKER
    email = "alarmEmail=me@example.org"
    return package(folder, "prod", email, new_workers=workers, region="eu-central-1")


@pytest.fixture(params=["dev", "prod"])
def packaged(request):
    return request.getfixturevalue(request.param)
