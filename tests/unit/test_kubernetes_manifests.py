"""A dry parse of the manifests for EKS: names that must agree do, and nothing ends a busy pod."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from pilotlight.settings import PREFIX, Settings

FOLDER = Path(__file__).resolve().parents[2] / "infra" / "kubernetes"


def found(name):
    parts = yaml.safe_load_all((FOLDER / name).read_text(encoding="utf-8"))
    return {part["kind"]: part for part in parts}


@pytest.fixture
def keda():
    return found("keda.yaml")


@pytest.fixture
def karpenter():
    return found("karpenter.yaml")


def test_each_kind_is_of_the_version_that_serves_it(keda, karpenter):
    versions = {kind: part["apiVersion"] for kind, part in (keda | karpenter).items()}

    assert versions == {
        "Deployment": "apps/v1",
        "TriggerAuthentication": "keda.sh/v1alpha1",
        "ScaledObject": "keda.sh/v1alpha1",
        "NodePool": "karpenter.sh/v1",
        "EC2NodeClass": "karpenter.k8s.aws/v1",
    }


def test_what_refers_to_something_names_it(keda, karpenter):
    scaled, deployment = keda["ScaledObject"]["spec"], keda["Deployment"]
    (trigger,) = scaled["triggers"]
    pod = deployment["spec"]["template"]["spec"]
    node_class = karpenter["NodePool"]["spec"]["template"]["spec"]["nodeClassRef"]

    assert scaled["scaleTargetRef"]["name"] == deployment["metadata"]["name"]
    assert trigger["authenticationRef"]["name"] == keda["TriggerAuthentication"]["metadata"]["name"]
    assert pod["nodeSelector"]["karpenter.sh/nodepool"] == karpenter["NodePool"]["metadata"]["name"]
    assert node_class["name"] == karpenter["EC2NodeClass"]["metadata"]["name"]
    assert node_class["kind"] == "EC2NodeClass"


def test_keda_counts_jobs_in_flight_and_goes_to_zero(keda):
    scaled = keda["ScaledObject"]["spec"]
    (trigger,) = scaled["triggers"]

    assert trigger["type"] == "aws-sqs-queue"
    assert trigger["metadata"]["scaleOnInFlight"] == "true"
    assert all(isinstance(value, str) for value in trigger["metadata"].values())
    assert (scaled["minReplicaCount"], keda["Deployment"]["spec"]["replicas"]) == (0, 0)


def test_the_pod_lands_on_gpu_nodes_only_and_may_finish(keda, karpenter):
    pod = keda["Deployment"]["spec"]["template"]["spec"]
    (taint,) = karpenter["NodePool"]["spec"]["template"]["spec"]["taints"]

    assert any(one["key"] == taint["key"] for one in pod["tolerations"])
    assert pod["containers"][0]["resources"]["limits"]["nvidia.com/gpu"] == "1"
    assert pod["terminationGracePeriodSeconds"] >= Settings().replica.grace_s


def test_the_pods_environment_is_settings_that_exist(keda):
    (container,) = keda["Deployment"]["spec"]["template"]["spec"]["containers"]

    ours = [one for one in container["env"] if one["name"].startswith(PREFIX)]
    assert ours
    for variable in ours:
        place = Settings()
        for part in variable["name"].removeprefix(PREFIX).lower().split("__"):
            assert part in type(place).model_fields, variable["name"]
            place = getattr(place, part)
