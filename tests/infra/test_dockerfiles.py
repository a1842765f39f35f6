"""The images' recipes: parsed and linted, because nothing here can build them."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from dockerfile_parse import DockerfileParser

from infra.template import replicas
from infra.template.environment import DATA, WEIGHTS
from infra.template.facts import STOP_TIMEOUT_S, all_facts
from pilotlight.settings import Settings
from tests.live import ROOT

FILES = ("Dockerfile", "Dockerfile.gpu")


@pytest.fixture(params=FILES)
def recipe(request):
    return parsed(request.param)


@pytest.fixture
def gpu():
    return parsed("Dockerfile.gpu")


def parsed(name):
    return DockerfileParser(fileobj=io.BytesIO((ROOT / name).read_bytes()))


def steps(recipe, word):
    return [one["value"] for one in recipe.structure if one["instruction"] == word]


@pytest.mark.parametrize("name", FILES)
def test_hadolint_finds_nothing(name):
    lint = Path(sys.executable).with_name("hadolint")
    done = subprocess.run([lint, ROOT / name], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_bases_are_pinned_by_digest(recipe):
    given = dict(one.split("=", 1) for one in steps(recipe, "ARG") if "=" in one)
    for base in steps(recipe, "FROM"):
        image = re.sub(r"\$\{(\w+)\}", lambda found: given[found[1]], base.split()[0])
        assert re.search(r":[\w.-]+@sha256:[0-9a-f]{64}$", image), image


def test_it_runs_as_nobody_in_particular(recipe):
    assert steps(recipe, "USER") == ["10001:10001"] == [replicas.USER]
    order = [one["instruction"] for one in recipe.structure]
    assert order.index("USER") < order.index("ENTRYPOINT")
    assert "RUN" not in order[order.index("USER") :]


def test_what_changes_often_comes_last(gpu):
    """Libraries depend on two files; a model is the last copy, and nothing is run after it."""
    copies = steps(gpu, "COPY")
    assert copies[0] == "pyproject.toml constraints.txt README.md ./"
    assert [one.split()[0] for one in copies[-3:]] == ["infra/replica.py", "pilotlight", "workers"]
    order = [(one["instruction"], one["value"]) for one in gpu.structure]
    after = order[order.index(("COPY", "workers workers")) + 1 :]
    assert not {word for word, _ in after} & {"RUN", "COPY", "ADD"}


def test_every_engine_of_a_worker_can_be_built(gpu):
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"][
        "optional-dependencies"
    ]
    engines = {name for one in all_facts(Settings(), "us-east-1") for name in one.engine.split(".")}
    assert engines <= {*extras, "plain"}
    assert any(one.startswith("ENGINE=") for one in steps(gpu, "ARG"))
    assert any('if [ "$ENGINE" = plain ]' in one for one in steps(gpu, "RUN"))


@pytest.mark.parametrize(
    ("engine", "extras", "freed"),
    [
        ("plain", "aws", set()),
        ("diffusers", "aws,diffusers", set()),
        ("diffusers,starters", "aws,diffusers,starters", set()),
        ("vllm", "aws,vllm", {"torch", "transformers"}),
        ("diffusers,vllm", "aws,diffusers,vllm", {"torch", "transformers"}),
    ],
)
def test_an_engine_is_installed_by_our_pins_where_it_has_none_of_its_own(
    gpu, tmp_path, engine, extras, freed
):
    """The recipe's own line, in a shell, with a pip that only writes down what it was asked."""
    (line,) = [one for one in steps(gpu, "RUN") if "constraints.txt" in one]
    pip = tmp_path / "pip"
    pip.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/asked\n')
    pip.chmod(0o755)
    constraints = (ROOT / "constraints.txt").read_text()
    (tmp_path / "constraints.txt").write_text(constraints)
    env = {"PATH": f"{tmp_path}:/usr/bin:/bin", "ENGINE": engine}
    subprocess.run(["sh", "-ec", line], cwd=tmp_path, env=env, check=True)

    asked = (tmp_path / "asked").read_text().splitlines()
    assert asked == [f"install -c pins.txt .[{extras}]", "uninstall --yes pilotlight"]
    kept = set((tmp_path / "pins.txt").read_text().splitlines())
    gone = {one.partition("==")[0] for one in set(constraints.splitlines()) - kept}
    assert gone >= freed
    assert bool(gone) == bool(freed)


def test_health_drain_and_volumes_are_those_of_the_task(gpu, prod):
    (container,) = prod.properties("EchoTask")["ContainerDefinitions"]
    (health,) = steps(gpu, "HEALTHCHECK")
    plain = container["HealthCheck"]["Command"][1].replace('"', "")
    assert plain in health
    for name, value in (
        ("Interval", "interval"),
        ("Timeout", "timeout"),
        ("StartPeriod", "start-period"),
    ):
        assert f"--{value}={container['HealthCheck'][name]}s" in health
    assert steps(gpu, "STOPSIGNAL") == ["SIGTERM"]
    assert container["StopTimeout"] == STOP_TIMEOUT_S
    (volumes,) = steps(gpu, "VOLUME")
    mounted = {one["ContainerPath"] for one in container["MountPoints"]}
    assert set(json.loads(volumes)) == mounted == {DATA, WEIGHTS}


def test_no_secret_and_no_weights_go_into_an_image(recipe):
    assert not any(re.search(r"KEY|SECRET|TOKEN|PASSWORD", one) for one in steps(recipe, "ENV"))
    assert steps(recipe, "ADD") == []
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert ignored[0] == "*"
    copied = {
        word
        for one in steps(recipe, "COPY")
        if not one.startswith("--from")
        for word in one.split()[:-1]
    }
    assert copied <= {one[1:] for one in ignored if one.startswith("!")}
