"""The manifests for EKS against the schemas that KEDA, Karpenter and Kubernetes publish."""

from __future__ import annotations

import copy
import json
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from infra.template import environment as environment_of_processes
from infra.template.environment import DATA, WEIGHTS
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


def test_a_pod_is_held_to_what_a_task_is_and_speaks_to_what_the_stage_is_called(objects):
    """The names are the template's own, the user, the folders and the check those of the image."""
    (pod,) = [one["spec"]["template"]["spec"] for one in objects if one["kind"] == "Deployment"]
    (replica,) = pod["containers"]
    recipe = (HERE.parents[1] / "Dockerfile.gpu").read_text(encoding="utf-8")
    assert f"USER {pod['securityContext']['runAsUser']}:10001" in recipe
    assert replica["securityContext"]["readOnlyRootFilesystem"] is True
    assert replica["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert replica["livenessProbe"]["exec"]["command"][2] in recipe
    mounted = {one["mountPath"] for one in replica["volumeMounts"]}
    assert mounted == {DATA, WEIGHTS, "/dev/shm"}
    given = {one["name"]: one["value"] for one in replica["env"]}
    assert float(given["PILOTLIGHT_REPLICA__GRACE_S"]) < pod["terminationGracePeriodSeconds"]
    for name, value in environment_of_processes.aws_settings().items():
        if name in ("queue_url", "stage", "region"):
            assert f"PILOTLIGHT_AWS__{name.upper()}" in given
        elif name in ("jobs_table", "secrets_table", "bucket"):
            assert given[f"PILOTLIGHT_AWS__{name.upper()}"].startswith("pilotlight-STAGE-"), value
