"""The manifests for EKS against the schemas that KEDA, Karpenter and Kubernetes publish."""

from __future__ import annotations

import copy
import json
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.live import environment

HERE = Path(__file__).parent
MANIFESTS = HERE.parents[1] / "infra" / "kubernetes"
WRONG = {
    "Deployment": ("spec", "replicas"),
    "TriggerAuthentication": ("spec", "podIdentity"),
    "ScaledObject": ("spec", "minReplicaCount"),
    "NodePool": ("spec", "disruption"),
    "EC2NodeClass": ("spec", "amiSelectorTerms"),
}
"""A field of each kind, in which a text has no place."""


@pytest.fixture(scope="module")
def objects():
    files = sorted(MANIFESTS.glob("*.yaml"))
    return [one for file in files for one in yaml.safe_load_all(file.read_text(encoding="utf-8"))]


def complaints(objects):
    node = shutil.which("node")
    if node is None or not (HERE / "node_modules").exists():
        if environment().get("CI"):
            pytest.fail("CI needs node and npm for the published schemas")
        pytest.skip("node or the schemas are not installed: install npm, then make test")
    done = subprocess.run(
        [node, "validate.mjs"],
        cwd=HERE,
        input=json.dumps(objects),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return json.loads(done.stdout)


def test_every_object_is_what_its_schema_asks_for(objects):
    assert {one["kind"] for one in objects} == set(WRONG)
    assert complaints(objects) == [None] * len(objects)


def test_the_schemas_would_say_so_if_it_were_not(objects):
    wrong = copy.deepcopy(objects)
    for one in wrong:
        above, field = WRONG[one["kind"]]
        one[above][field] = "nonsense"

    found = complaints(wrong)

    assert all(
        complaint and WRONG[one["kind"]][1] in complaint
        for one, complaint in zip(wrong, found, strict=True)
    )
