"""The packaged template against the promises that only the whole of it can keep."""

from __future__ import annotations

import re

from cfnlint.api import lint
from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER

from handlers import cors
from infra.template import bundle
from infra.template.facts import GRACE_S
from pilotlight.adapters.aws import tables
from pilotlight.intake.drop.shaping import MOST_MEDIA_BYTES
from pilotlight.settings import Settings

SETTINGS = Settings()
PERSISTENT = {"DynamoDB::Table", "S3::Bucket"}


def test_cfn_lint_finds_no_error(packaged):
    found = lint(packaged.path.read_text(), regions=[packaged.region])
    assert [str(one) for one in found if one.rule.id.startswith("E")] == []
    assert {one.rule.id for one in found} <= {"W3005"}  # osls says twice that functions need roles


def test_functions_through_which_files_go_have_room_for_the_largest(packaged):
    """512 MB are what a Lambda has unless told; what is joined or copied lies there for a while."""
    most = max(MOST_MEDIA_BYTES, SETTINGS.ingress.max_upload_bytes)
    for name in ("Ingress", "Drop", "Upkeep"):
        room = packaged.properties(f"{name}LambdaFunction")["EphemeralStorage"]["Size"]
        assert room * 1024**2 > most + 512 * 1024**2, name


def test_a_message_stays_hidden_for_more_than_three_beats_and_a_lease(packaged):
    for name, queue in job_queues(packaged).items():
        hidden_s = queue["Properties"]["VisibilityTimeout"]
        assert hidden_s > 3 * SETTINGS.lease.beat_s * 1.2, name  # a beat varies by a fifth
        assert hidden_s > SETTINGS.lease.lease_s, name


def test_every_queue_is_one_of_a_pair_and_gives_its_dead_letters_to_the_other(packaged):
    """Redrive everywhere: each queue has it, or is where exactly one other gives to."""
    pairs = pairs_of(packaged)
    assert {name for pair in pairs for name in pair} == set(packaged.of("SQS::Queue"))
    assert len(pairs) == len({dead for _, dead in pairs})
    for name, dead_name in pairs:
        queue, dead = packaged.properties(name), packaged.properties(dead_name)
        assert dead["QueueName"]["Fn::Sub"] == queue["QueueName"]["Fn::Sub"] + "-dead"
        assert "RedrivePolicy" not in dead, dead_name
        allowed = dead["RedriveAllowPolicy"]
        assert allowed["redrivePermission"] == "byQueue"
        (source,) = allowed["sourceQueueArns"]
        assert source["Fn::Sub"].endswith(":" + queue["QueueName"]["Fn::Sub"]), dead_name
        assert queue["MessageRetentionPeriod"] <= dead["MessageRetentionPeriod"], name
        for one in (queue, dead):
            assert one["SqsManagedSseEnabled"] is True
        assert queue.get("Tags") == dead.get("Tags"), name


def test_a_job_uses_up_its_attempts_before_its_message_is_given_up(packaged):
    for name, queue in job_queues(packaged).items():
        given_up = queue["Properties"]["RedrivePolicy"]["maxReceiveCount"]
        assert given_up > SETTINGS.job.max_attempts, name


def test_every_workers_dead_letters_wake_the_function_that_looks_at_them(packaged):
    reads = {
        one["Properties"]["EventSourceArn"]["Fn::GetAtt"][0]: one["Properties"]
        for one in packaged.of("Lambda::EventSourceMapping").values()
    }
    for name in job_queues(packaged):
        mapping = reads[name.removesuffix("Queue") + "Letters"]
        assert mapping["FunctionName"] == {"Fn::GetAtt": ["DeadLettersLambdaFunction", "Arn"]}
        assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]


def test_the_drop_bucket_tells_its_queue_and_nobody_else_may(packaged):
    bucket = packaged.template["Resources"]["DropBucket"]
    (told,) = bucket["Properties"]["NotificationConfiguration"]["QueueConfigurations"]
    assert told["Event"] == "s3:ObjectCreated:*"
    assert told["Filter"]["S3Key"]["Rules"] == [{"Name": "prefix", "Value": "drop/"}]
    assert told["Queue"] == {"Fn::GetAtt": ["DropQueue", "Arn"]}
    assert "DropQueuePolicy" in bucket["DependsOn"], "S3 looks whether it may send"
    policy = packaged.properties("DropQueuePolicy")
    assert policy["Queues"] == [{"Ref": "DropQueue"}]
    (may,) = policy["PolicyDocument"]["Statement"]
    assert (may["Principal"], may["Action"]) == ({"Service": "s3.amazonaws.com"}, "sqs:SendMessage")
    name = bucket["Properties"]["BucketName"]["Fn::Sub"]
    assert may["Condition"] == {
        "ArnEquals": {"aws:SourceArn": {"Fn::Sub": f"arn:${{AWS::Partition}}:s3:::{name}"}},
        "StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}},
    }
    (mapping,) = [
        one["Properties"]
        for one in packaged.of("Lambda::EventSourceMapping").values()
        if one["Properties"]["EventSourceArn"] == {"Fn::GetAtt": ["DropQueue", "Arn"]}
    ]
    assert mapping["FunctionName"] == {"Fn::GetAtt": ["DropLambdaFunction", "Arn"]}
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]


def test_a_lambda_that_reads_a_queue_has_a_sixth_of_its_visibility(packaged):
    for one in packaged.of("Lambda::EventSourceMapping").values():
        source = one["Properties"]["EventSourceArn"]["Fn::GetAtt"][0]
        if packaged.template["Resources"][source]["Type"] == "AWS::SQS::Queue":
            function = packaged.properties(one["Properties"]["FunctionName"]["Fn::GetAtt"][0])
            hidden_s = packaged.properties(source)["VisibilityTimeout"]
            assert hidden_s >= 6 * function["Timeout"], source
            assert one["Properties"]["FunctionResponseTypes"] == ["ReportBatchItemFailures"]


def test_ecs_waits_longer_than_a_replica_drains(packaged):
    for name, task in packaged.of("ECS::TaskDefinition").items():
        for container in task["Properties"]["ContainerDefinitions"]:
            given = {one["Name"]: one["Value"] for one in container["Environment"]}
            drain_s = float(given["PILOTLIGHT_REPLICA__GRACE_S"])
            assert drain_s == GRACE_S
            assert container["StopTimeout"] > drain_s + SETTINGS.replica.cancel_grace_s, name
            assert container["StopTimeout"] <= 120, "Fargate allows no more"


def test_nothing_runs_until_somebody_submits(packaged):
    for service in packaged.of("ECS::Service").values():
        assert service["Properties"]["DesiredCount"] == 0
    for target in packaged.of("ApplicationAutoScaling::ScalableTarget").values():
        assert target["Properties"]["MinCapacity"] == 0
    for group in packaged.of("AutoScaling::AutoScalingGroup").values():
        assert group["Properties"]["MinSize"] == "0"
        assert "DesiredCapacity" not in group["Properties"]


def test_a_host_is_stopped_only_when_ecs_says_that_it_is_empty(packaged):
    for provider in packaged.of("ECS::CapacityProvider").values():
        scaling = provider["Properties"]["AutoScalingGroupProvider"]
        assert scaling["ManagedScaling"]["Status"] == "ENABLED"
        assert scaling["ManagedTerminationProtection"] == "ENABLED"
        assert scaling["ManagedDraining"] == "ENABLED"
    for group in packaged.of("AutoScaling::AutoScalingGroup").values():
        assert group["Properties"]["NewInstancesProtectedFromScaleIn"] is True


def test_the_job_table_is_the_codes_with_ttl_stream_and_recovery(packaged):
    table, code = packaged.properties("JobsTable"), tables.jobs_table("x")
    for name in ("KeySchema", "AttributeDefinitions", "GlobalSecondaryIndexes", "BillingMode"):
        assert table[name] == code[name]
    assert table["TimeToLiveSpecification"] == {"AttributeName": tables.TTL, "Enabled": True}
    assert table["StreamSpecification"] == {"StreamViewType": "NEW_IMAGE"}
    for name in ("JobsTable", "SecretsTable"):
        recovery = packaged.properties(name)["PointInTimeRecoverySpecification"]
        assert recovery == {"PointInTimeRecoveryEnabled": True}
        assert packaged.properties(name)["SSESpecification"]["SSEEnabled"] is True


def test_buckets_are_private_encrypted_and_answer_tls_alone(packaged):
    policies = {
        one["Properties"]["Bucket"]["Ref"]: one["Properties"]["PolicyDocument"]["Statement"]
        for one in packaged.of("S3::BucketPolicy").values()
    }
    for name, bucket in packaged.of("S3::Bucket").items():
        properties = bucket["Properties"]
        assert properties["BucketEncryption"], name
        assert all(properties["PublicAccessBlockConfiguration"].values()), name
        refused = [one for one in policies[name] if one["Effect"] == "Deny"]
        assert any(
            one["Condition"] == {"Bool": {"aws:SecureTransport": expected}}
            for one in refused
            for expected in ("false", False)
        ), name


def test_a_page_may_read_a_large_file_from_s3_as_it_may_from_the_ingress(packaged):
    (rule,) = packaged.properties("FilesBucket")["CorsConfiguration"]["CorsRules"]
    assert {"GET", "HEAD"} <= set(rule["AllowedMethods"])
    exposed = {name.lower() for name in rule["ExposedHeaders"]}
    assert exposed >= {"etag", "content-range", "accept-ranges", "content-disposition"}
    assert exposed <= set(cors.EXPOSED.split(", "))


def test_what_is_put_into_a_bucket_does_not_stay_for_ever(packaged):
    for name in ("FilesBucket", "DropBucket", "WeightsBucket"):
        rules = packaged.properties(name)["LifecycleConfiguration"]["Rules"]
        assert any("AbortIncompleteMultipartUpload" in rule for rule in rules), name
        assert len({rule["Id"] for rule in rules}) == len(rules)
    results = next(
        rule
        for rule in packaged.properties("FilesBucket")["LifecycleConfiguration"]["Rules"]
        if rule.get("Prefix") == "files/results/"
    )
    assert results["ExpirationInDays"] * 86400 > SETTINGS.job.retention_s


def test_data_outlives_the_stack_in_production_only(dev, prod):
    # A first deployment that fails takes its own back: what has a name would refuse the next one.
    for packaged, kept, left in (
        (dev, "Delete", "Delete"),
        (prod, "Retain", "RetainExceptOnCreate"),
    ):
        for name, one in packaged.template["Resources"].items():
            if (
                one["Type"].removeprefix("AWS::") in PERSISTENT
                and name != "ServerlessDeploymentBucket"
            ):
                assert (one["UpdateReplacePolicy"], one["DeletionPolicy"]) == (kept, left), name
    assert prod.properties("JobsTable")["DeletionProtectionEnabled"] is True


def test_everything_that_can_carry_tags_says_which_stage_and_worker_pays_for_it(packaged):
    for name, one in packaged.template["Resources"].items():
        schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema("eu-west-1", one["Type"]).schema
        holder = schema.get("tagging", {}).get("tagProperty", "/properties/Tags").split("/")[-1]
        if holder not in schema["properties"]:
            continue
        tags = one["Properties"].get(holder, [])
        keys = set(tags) if isinstance(tags, dict) else {tag["Key"] for tag in tags}
        assert keys >= {"pilotlight-stage", "pilotlight-worker"}, name


def test_every_log_group_forgets(packaged):
    groups = packaged.of("Logs::LogGroup")
    assert len(groups) >= 5 + len(packaged.of("ECS::Service"))
    for name, group in groups.items():
        assert group["Properties"]["RetentionInDays"] in (7, 30, 90), name


def test_the_way_in_streams_and_is_held_for_fifteen_minutes(packaged):
    function = packaged.properties("IngressLambdaFunction")
    given = function["Environment"]["Variables"]
    assert function["Timeout"] == 900
    assert packaged.properties("IngressLambdaFunctionUrl")["InvokeMode"] == "RESPONSE_STREAM"
    assert given["AWS_LAMBDA_EXEC_WRAPPER"] == "/var/task/infra/ingress.sh"
    assert "infra/ingress.sh" in bundle.OURS
    for one in packaged.of("Lambda::Function").values():
        assert "Layers" not in one["Properties"], "nothing of others is loaded into a function"
    assert float(given["PILOTLIGHT_INGRESS__SYNC_TIMEOUT_S"]) < 900
    actions = {
        one["Properties"]["Action"]
        for one in packaged.of("Lambda::Permission").values()
        if one["Properties"]["Principal"] == "*"
    }
    assert actions == {"lambda:InvokeFunctionUrl", "lambda:InvokeFunction"}


def test_containers_are_nobody_write_nowhere_and_reach_no_host(packaged):
    for name, task in packaged.of("ECS::TaskDefinition").items():
        (container,) = task["Properties"]["ContainerDefinitions"]
        assert container["User"] == "10001:10001", name
        assert container["ReadonlyRootFilesystem"] is True, name
        assert container["LinuxParameters"]["Capabilities"] == {"Drop": ["ALL"]}, name
        assert container["HealthCheck"]["Command"][0] == "CMD-SHELL", name
        assert "Privileged" not in container
    for template in packaged.of("EC2::LaunchTemplate").values():
        options = template["Properties"]["LaunchTemplateData"]["MetadataOptions"]
        assert options == {"HttpTokens": "required", "HttpPutResponseHopLimit": 1}
    for group in packaged.of("EC2::SecurityGroup").values():
        assert "SecurityGroupIngress" not in group["Properties"]


def test_every_setting_in_the_template_exists(packaged):
    """A misspelt variable would end the process that it is given to."""
    for given in environments(packaged):
        for name, value in given.items():
            if not name.startswith("PILOTLIGHT_") or name == "PILOTLIGHT_STACK":
                continue
            group, _, field = name.removeprefix("PILOTLIGHT_").lower().partition("__")
            assert group in Settings.model_fields, name
            if field:
                assert field in type(getattr(SETTINGS, group)).model_fields, name
            assert value != {}, name


def test_a_relaying_worker_gets_its_key_from_ecs_and_nobody_else_does(packaged):
    for name, task in packaged.of("ECS::TaskDefinition").items():
        (container,) = task["Properties"]["ContainerDefinitions"]
        if name.startswith("Relayed"):
            (secret,) = container["Secrets"]
            assert secret["ValueFrom"]["Fn::Sub"].endswith(f"/upstreams/{secret['Name']}")
        else:
            assert "Secrets" not in container, name


def test_names_begin_with_the_stack_so_that_stages_never_meet(packaged):
    prefix = packaged.template["Resources"]["EchoQueue"]["Properties"]["QueueName"]["Fn::Sub"]
    assert prefix == "${AWS::StackName}-jobs-echo"
    functions = {
        one["Properties"]["FunctionName"] for one in packaged.of("Lambda::Function").values()
    }
    stage = {re.sub(r"^pilotlight-(\w+)-.*$", r"\1", name) for name in functions}
    assert len(stage) == 1
    kick = packaged.properties("KickLambdaFunction")["FunctionName"]
    given = packaged.properties("IngressLambdaFunction")["Environment"]["Variables"]
    said = given["PILOTLIGHT_AWS__KICK_FUNCTION"]["Fn::Sub"]
    assert said.replace("${AWS::StackName}", f"pilotlight-{stage.pop()}") == kick


def pairs_of(packaged):
    """Each queue that has a redrive policy, with the one that it names."""
    return [
        (name, one["Properties"]["RedrivePolicy"]["deadLetterTargetArn"]["Fn::GetAtt"][0])
        for name, one in packaged.of("SQS::Queue").items()
        if "RedrivePolicy" in one["Properties"]
    ]


def job_queues(packaged):
    """Those whose messages are jobs."""
    return {
        name: one
        for name, one in packaged.of("SQS::Queue").items()
        if "-jobs-" in one["Properties"]["QueueName"]["Fn::Sub"] and name.endswith("Queue")
    }


def environments(packaged):
    for function in packaged.of("Lambda::Function").values():
        yield function["Properties"]["Environment"]["Variables"]
    for task in packaged.of("ECS::TaskDefinition").values():
        for container in task["Properties"]["ContainerDefinitions"]:
            yield {one["Name"]: one["Value"] for one in container["Environment"]}
