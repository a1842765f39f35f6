"""What the owner of an account asks before this may run in it."""

from __future__ import annotations

import json
import re
import subprocess

import pytest

from infra.template import environment as environment_of_processes
from infra.template import roles
from infra.template.__main__ import MOST_WORKERS, template
from infra.template.facts import Facts
from pilotlight import settings
from pilotlight.errors import SettingsError
from tests.infra.conftest import OSLS
from tests.infra.test_template import PERSISTENT
from tests.live import environment

ITS_URL = {"Fn::GetAtt": ["IngressLambdaFunctionUrl", "FunctionUrl"]}
POLICY_LIMIT = 10_240
"""Characters of a role's inline policies, spaces not counted."""
LONGEST_STAGE = "pilotlight-" + "s" * 10


def test_ecs_takes_roles_for_this_account_alone(packaged):
    for name, role in packaged.of("IAM::Role").items():
        (trust,) = role["Properties"]["AssumeRolePolicyDocument"]["Statement"]
        if trust["Principal"]["Service"] == "ecs-tasks.amazonaws.com":
            expected = {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}
            assert trust["Condition"] == expected, name


def test_whoever_may_wake_a_function_is_named(packaged):
    """But for the way in, which is open to all and asks for keys itself."""
    for name, one in packaged.of("Lambda::Permission").items():
        properties = one["Properties"]
        if properties["Principal"] == "*":
            of_a_url = "FunctionUrlAuthType" in properties or properties["InvokedViaFunctionUrl"]
            assert of_a_url, name
            assert properties["FunctionName"]["Fn::GetAtt"][0] == "IngressLambdaFunction", name
        else:
            source = json.dumps(properties["SourceArn"])
            assert "Fn::GetAtt" in source or '{"Ref": "AWS::AccountId"}' in source, name
            assert "*" not in source, name


def test_nothing_says_in_which_partition_of_aws_it_is(packaged):
    assert not re.search(r"arn:aws[:-]", json.dumps(packaged.template["Resources"]))
    assert "amazonaws.com/" not in json.dumps(packaged.template["Resources"])


def test_ecs_reads_the_keys_of_declared_upstreams_and_no_other(packaged):
    keys = {
        secret["ValueFrom"]["Fn::Sub"]
        for task in packaged.of("ECS::TaskDefinition").values()
        for container in task["Properties"]["ContainerDefinitions"]
        for secret in container.get("Secrets", ())
    }
    (policy,) = packaged.properties("ExecutionRole")["Policies"]
    (reads,) = [
        one
        for one in policy["PolicyDocument"]["Statement"]
        if one["Action"] == ["ssm:GetParameters"]
    ]
    assert len(keys) > 1
    assert {one["Fn::Sub"] for one in reads["Resource"]} == keys


def test_the_way_in_can_be_kept_from_taking_the_whole_accounts_executions(packaged):
    reserved = packaged.properties("IngressLambdaFunction")["ReservedConcurrentExecutions"]
    assert reserved == {
        "Fn::If": ["WithConcurrency", {"Ref": "IngressConcurrency"}, {"Ref": "AWS::NoValue"}]
    }
    assert packaged.template["Parameters"]["IngressConcurrency"]["Default"] == 0
    said = packaged.template["Conditions"]["WithConcurrency"]
    assert said == {"Fn::Not": [{"Fn::Equals": [{"Ref": "IngressConcurrency"}, 0]}]}


def test_what_writes_links_writes_them_to_where_callers_come(packaged):
    """A webhook's body, a batch's output file and what is dropped are not written by the ingress."""
    there = {"Fn::If": ["WithPublicUrl", {"Ref": "PublicUrl"}, ITS_URL]}
    for name in ("Upkeep", "Dispatch", "Drop"):
        given = packaged.properties(f"{name}LambdaFunction")["Environment"]["Variables"]
        assert given["PILOTLIGHT_INGRESS__PUBLIC_URL"] == there, name
    given = packaged.properties("IngressLambdaFunction")["Environment"]["Variables"]
    assert given["PILOTLIGHT_INGRESS__PUBLIC_URL"] == {"Ref": "PublicUrl"}
    pattern = packaged.template["Parameters"]["PublicUrl"]["AllowedPattern"]
    for url, taken in (("", True), ("https://gpu.example.org", True), ("gpu.example.org", False)):
        assert bool(re.fullmatch(pattern, url)) is taken, url


def test_what_whoever_packages_has_set_is_what_every_process_goes_by(monkeypatch):
    monkeypatch.setenv("PILOTLIGHT_WORKERS", '["tests.journeys.studio"]')
    monkeypatch.setenv("PILOTLIGHT_QUEUE__VISIBILITY_S", "300")
    monkeypatch.setenv("PILOTLIGHT_INGRESS__METRICS_TOKEN", "a secret")
    loaded = settings.load()
    made = template(loaded, "us-east-1")["Resources"]
    (container,) = made["StudioTask"]["Properties"]["ContainerDefinitions"]
    of_a_replica = {one["Name"]: one["Value"] for one in container["Environment"]}
    of_a_function = environment_of_processes.of_functions(environment_of_processes.chosen(loaded))

    assert made["ClerkQueue"]["Properties"]["VisibilityTimeout"] == 300
    for given in (of_a_replica, of_a_function):
        assert json.loads(given["PILOTLIGHT_WORKERS"]) == ["tests.journeys.studio"]
        assert json.loads(given["PILOTLIGHT_QUEUE"]) == {"visibility_s": 300}
        assert "secret" not in json.dumps(given)
        for name in list(given):
            monkeypatch.setenv(name, given[name] if isinstance(given[name], str) else "x")
        monkeypatch.setenv("PILOTLIGHT_LOG_LEVEL", "info")
        there = settings.load()
        assert there.queue.visibility_s == 300
        assert there.workers == ("tests.journeys.studio",)
    assert there.queue.consumer == "loop"


def test_what_a_function_is_given_fits_into_its_environment(packaged):
    """4 KB, which nobody says before the deployment fails in its midst."""
    words = {"AWS::Region": "ap-southeast-99", "AWS::URLSuffix": "amazonaws.com.cn"}
    words |= {"AWS::AccountId": "1" * 12, "AWS::StackName": LONGEST_STAGE}

    def longest(value):
        """As CloudFormation fills it in: names of tables and buckets begin with the stack's."""
        if isinstance(value, str):
            return value
        ((kind, said),) = value.items()
        if kind == "Fn::Sub":
            return re.sub(r"\$\{([^}]*)\}", lambda found: words[found[1]], said)
        return "x" * (100 if kind in ("Fn::If", "Fn::GetAtt") or said == "PublicUrl" else 60)

    most = environment_of_processes.MOST_ENVIRONMENT - environment_of_processes.MOST_GIVEN
    for name, function in packaged.of("Lambda::Function").items():
        variables = function["Properties"]["Environment"]["Variables"]
        assert sum(len(key) + len(longest(value)) for key, value in variables.items()) < most, name


def test_settings_that_no_function_could_be_given_are_refused_before_anything_is_deployed(
    monkeypatch,
):
    routes = [{"endpoint": f"acme/endpoint-{number}", "worker": "echo"} for number in range(60)]
    monkeypatch.setenv("PILOTLIGHT_ROUTES", json.dumps(routes))
    given = environment_of_processes.chosen(settings.load())

    with pytest.raises(SettingsError, match=r"PILOTLIGHT_ROUTES alone .* room for 2496"):
        environment_of_processes.of_functions(given)


def test_a_minute_that_was_missed_is_not_made_up_for(packaged):
    """Sixty upkeeps at once, after an hour of throttling, would throttle the next ones."""
    configured = {
        one["Properties"]["FunctionName"]["Ref"]: one["Properties"]
        for one in packaged.of("Lambda::EventInvokeConfig").values()
    }
    timed = {
        target["Arn"]["Fn::GetAtt"][0]
        for rule in packaged.of("Events::Rule").values()
        for target in rule["Properties"]["Targets"]
    }
    assert timed == {"UpkeepLambdaFunction", "DispatchLambdaFunction"}
    for name in timed | {"KickLambdaFunction"}:
        assert configured[name]["MaximumRetryAttempts"] == 0, name
        assert configured[name]["MaximumEventAgeInSeconds"] == 60, name


@pytest.mark.parametrize("stage", ["Prod", "a-very-long-name"])
def test_a_stage_that_no_bucket_or_queue_could_be_named_by_is_refused(dev, stage):
    done = subprocess.run(
        [OSLS, "package", "--stage", stage, "--package", dev.folder / f"of-{stage}"],
        cwd=dev.folder,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert (
        f'"{stage}" cannot be a stage: give it up to ten small letters' in done.stdout + done.stderr
    )


def test_no_update_may_replace_or_delete_data(prod):
    state = json.loads((prod.path.parent / "serverless-state.json").read_text())
    allowed, refused = state["service"]["provider"]["stackPolicy"]
    assert (allowed["Effect"], allowed["Action"]) == ("Allow", ["Update:*"])
    assert refused["Effect"] == "Deny"
    assert refused["Action"] == ["Update:Replace", "Update:Delete"]
    kept = {
        name
        for name, one in prod.template["Resources"].items()
        if one["Type"].removeprefix("AWS::") in PERSISTENT and name != "ServerlessDeploymentBucket"
    }
    assert {one.removeprefix("LogicalResourceId/") for one in refused["Resource"]} == kept


def test_an_engine_that_is_built_every_day_pushes_out_no_other_engines_image(packaged):
    text = packaged.properties("ReplicaImages")["LifecyclePolicy"]["LifecyclePolicyText"]
    selections = [rule["selection"] for rule in json.loads(text)["rules"]]
    prefixes = [one["tagPrefixList"] for one in selections if one["tagStatus"] == "tagged"]
    images = {
        container["Image"]["Fn::Sub"].rpartition(":")[2].removesuffix("${ImageTag}")
        for task in packaged.of("ECS::TaskDefinition").values()
        for container in task["Properties"]["ContainerDefinitions"]
    }
    assert sorted(prefixes) == sorted([one] for one in images)
    assert {one["tagStatus"] for one in selections} == {"tagged", "untagged"}


def test_a_warm_pool_is_as_many_hosts_as_were_asked_for(packaged):
    for name, pool in packaged.of("AutoScaling::WarmPool").items():
        for limit in ("MinSize", "MaxGroupPreparedCapacity"):
            assert pool["Properties"][limit] == {"Ref": "WarmPool"}, name


def test_models_have_shared_memory_on_gpu_hosts_where_ecs_can_give_it(prod):
    for name, task in prod.of("ECS::TaskDefinition").items():
        (container,) = task["Properties"]["ContainerDefinitions"]
        given = container["LinuxParameters"].get("SharedMemorySize")
        on_a_host = task["Properties"]["RequiresCompatibilities"] == ["EC2"]
        assert (given or 0) >= (2048 if on_a_host else 0), name
        assert on_a_host or given is None, "Fargate refuses it"
        assert container["LinuxParameters"]["Capabilities"] == {"Drop": ["ALL"]}, name


def test_a_gpu_host_runs_nothing_privileged_and_clears_away_what_ended(prod):
    for name, task in prod.of("ECS::TaskDefinition").items():
        (container,) = task["Properties"]["ContainerDefinitions"]
        on_a_host = task["Properties"]["RequiresCompatibilities"] == ["EC2"]
        expected = ["no-new-privileges"] if on_a_host else None
        assert container.get("DockerSecurityOptions") == expected, name
    for name, one in prod.of("EC2::LaunchTemplate").items():
        script = one["Properties"]["LaunchTemplateData"]["UserData"]["Fn::Base64"]["Fn::Sub"]
        for line in (
            "ECS_DISABLE_PRIVILEGED=true",
            "ECS_ENGINE_TASK_CLEANUP_WAIT_DURATION=10m",
            "ECS_IMAGE_PULL_INACTIVITY_TIMEOUT=10m",
        ):
            assert f"\n{line}\n" in script, name


def test_an_image_is_unpacked_as_fast_as_the_disk_can_be_where_it_is_unpacked_at_each_start(prod):
    """gp3 gives a quarter of a MB a second for each of its 3,000 operations; a warm host has its image."""
    for name, one in prod.of("EC2::LaunchTemplate").items():
        (disk,) = one["Properties"]["LaunchTemplateData"]["BlockDeviceMappings"]
        condition, warm, cold = disk["Ebs"]["Throughput"]["Fn::If"]
        assert condition == "WithWarmPool", name
        assert 125 == warm < cold <= 3000 / 4, name


def test_a_hosts_script_is_one_that_a_shell_can_read(prod):
    """And CloudFormation fills in the cluster alone."""
    for name, one in prod.of("EC2::LaunchTemplate").items():
        script = one["Properties"]["LaunchTemplateData"]["UserData"]["Fn::Base64"]["Fn::Sub"]
        assert set(re.findall(r"\$\{([^}]+)\}", script)) == {"Cluster"}, name
        filled_in = script.replace("${Cluster}", "pilotlight-prod")
        done = subprocess.run(
            ["bash", "-n"], input=filled_in, text=True, capture_output=True, check=False
        )
        assert (done.returncode, done.stderr) == (0, ""), name
        (inner,) = re.findall(r"<<'BOOT'\n(.*?)\nBOOT\n", filled_in, re.DOTALL)
        done = subprocess.run(
            ["bash", "-n"], input=inner, text=True, capture_output=True, check=False
        )
        assert (done.returncode, done.stderr) == (0, ""), name


def test_as_many_workers_as_are_taken_fit_into_every_roles_policy():
    """With names of twenty letters, in the region whose name is longest."""
    names = [f"a-worker-of-twenty{number:02}" for number in range(MOST_WORKERS)]
    workers = [
        Facts(spec=None, logical=name.replace("-", ""), part=name, engine="plain") for name in names
    ]
    found = roles.resources(workers, [])
    for name, role in found.items():
        for policy in role["Properties"].get("Policies", ()):
            text = json.dumps(filled(policy["PolicyDocument"]), separators=(",", ":"))
            assert len(text) < POLICY_LIMIT, name


def filled(value):
    """The document with ARNs as long as AWS's."""
    if isinstance(value, list):
        return [filled(one) for one in value]
    if not isinstance(value, dict):
        return value
    if set(value) == {"Fn::GetAtt"}:
        name = value["Fn::GetAtt"][0]
        part = f"jobs-a-worker-of-twenty{name[-8:-6]}" + ("-dead" if "Letters" in name else "")
        return f"arn:aws:sqs:ap-southeast-1:123456789012:{LONGEST_STAGE}-{part}"
    if set(value) == {"Fn::Sub"}:
        text = value["Fn::Sub"].replace("${AWS::StackName}", LONGEST_STAGE)
        return re.sub(r"\$\{[\w:.]+\}", "ap-southeast-1", text)
    return {key: filled(one) for key, one in value.items()}
