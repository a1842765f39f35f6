"""What each role may do, as a table: a change of what a process asks for is a change here.

That these suffice is shown where it cannot be argued with: ``make deploy-emulated`` runs on an
emulator that refuses what a role does not allow.
"""

from __future__ import annotations

import json
import re

ROWS = {"GetItem", "BatchGetItem", "Query", "PutItem", "UpdateItem", "DeleteItem"}
LETTERS = {"ReceiveMessage", "DeleteMessage", "GetQueueAttributes"}
UPKEEP = {
    "dynamodb": ROWS | {"BatchWriteItem"},
    "s3": {
        "GetObject",
        "PutObject",
        "PutObjectTagging",
        "DeleteObject",
        "ListBucket",
        "AbortMultipartUpload",
    },
    "sqs": LETTERS | {"SendMessage"},
    "ssm": {"GetParametersByPath"},
    "ecs": {"UpdateService", "DescribeServices", "DescribeTasks", "StopTask"},
}
MAY = {
    "IngressRole": {
        "dynamodb": ROWS,
        "s3": {
            "GetObject", "PutObject", "PutObjectTagging", "DeleteObject", "AbortMultipartUpload",
            "ListMultipartUploadParts", "ListBucket",
        },
        "sqs": {"SendMessage"},
        "lambda": {"InvokeFunction"},
    },
    "UpkeepRole": UPKEEP,
    "DropRole": {
        "dynamodb": ROWS - {"DeleteItem"},
        "s3": {
            "GetObject", "PutObject", "PutObjectTagging", "DeleteObject", "ListBucket",
            "AbortMultipartUpload",
        },
        "sqs": LETTERS | {"SendMessage", "ChangeMessageVisibility"},
        "lambda": {"InvokeFunction"},
    },
    "KickRole": {
        "dynamodb": ROWS - {"DeleteItem"},
        "ssm": {"GetParametersByPath"},
        "ecs": {"UpdateService", "DescribeServices", "DescribeTasks"},
    },
    "DispatchRole": {
        "dynamodb": ROWS - {"DeleteItem"}
        | {"DescribeStream", "GetRecords", "GetShardIterator", "ListStreams"},
        "s3": {"GetObject", "ListBucket"},
    },
    "DeadLettersRole": {
        "sqs": LETTERS | {"ChangeMessageVisibility"},
        "dynamodb": {"GetItem", "UpdateItem"},
        "s3": {"GetObject", "ListBucket"},
    },
    "EchoRole": {
        "dynamodb": ROWS - {"DeleteItem"},
        "s3": {
            "GetObject", "PutObject", "PutObjectTagging", "DeleteObject", "AbortMultipartUpload",
            "ListBucket",
        },
        "sqs": LETTERS | {"ChangeMessageVisibility"},
        "ecs": {"GetTaskProtection", "UpdateTaskProtection"},
    },
    "ExecutionRole": {
        "ecr": {
            "GetAuthorizationToken", "BatchCheckLayerAvailability", "BatchGetImage",
            "GetDownloadUrlForLayer",
        },
        "logs": {"CreateLogStream", "PutLogEvents"},
        "ssm": {"GetParameters"},
    },
    "HostRole": {},
}  # fmt: skip
FUNCTIONS = {"IngressRole", "UpkeepRole", "KickRole", "DispatchRole", "DropRole", "DeadLettersRole"}
ANYWHERE = {"xray:PutTraceSegments", "xray:PutTelemetryRecords", "ecr:GetAuthorizationToken"}


def statements(packaged, role):
    for policy in packaged.properties(role).get("Policies", ()):
        yield from policy["PolicyDocument"]["Statement"]


def test_each_role_may_do_what_its_process_does_and_no_more(packaged):
    for role, expected in MAY.items():
        found = {}
        for statement in statements(packaged, role):
            for action in statement["Action"]:
                service, _, name = action.partition(":")
                found.setdefault(service, set()).add(name)
        own = {"logs", "xray"} if role in FUNCTIONS else set()
        assert {k: v for k, v in found.items() if k not in own} == expected, role


def test_whoever_reads_files_is_told_which_are_not_there(packaged):
    """Without ListBucket S3 says 403 of a file that is gone, which is a fault of the deployment: a
    message that leads to one would come again for ever."""
    for name in packaged.of("IAM::Role"):
        buckets = {"s3:GetObject": set(), "s3:ListBucket": set()}
        for statement in statements(packaged, name):
            for action in buckets.keys() & set(statement["Action"]):
                buckets[action] |= set(
                    re.findall(r"(\w+)Bucket", json.dumps(statement["Resource"]))
                )
        assert buckets["s3:GetObject"] <= buckets["s3:ListBucket"], name


def test_no_role_reaches_everything(packaged):
    for name in packaged.of("IAM::Role"):
        for statement in statements(packaged, name):
            assert not any("*" in action for action in statement["Action"]), name
            if "*" in statement["Resource"]:
                assert set(statement["Action"]) <= ANYWHERE, name


def test_every_process_has_a_role_of_its_own(packaged):
    roles = [one["Properties"]["Role"] for one in packaged.of("Lambda::Function").values()]
    roles += [
        one["Properties"]["TaskRoleArn"] for one in packaged.of("ECS::TaskDefinition").values()
    ]
    names = [one["Fn::GetAtt"][0] for one in roles]
    assert len(set(names)) == len(names)


def test_a_replica_makes_no_job_and_sees_no_other_queue_and_no_other_workers_weights(prod):
    for statement in statements(prod, "BigModelV2Role"):
        for action in statement["Action"]:
            if action.startswith("sqs:"):
                assert statement["Resource"] == [{"Fn::GetAtt": ["BigModelV2Queue", "Arn"]}]
            if action == "s3:PutObject":
                assert all(
                    "files/results/" in one["Fn::Sub"] or "files/" not in one["Fn::Sub"]
                    for one in statement["Resource"]
                )
            if action == "dynamodb:PutItem":
                keys = statement["Condition"]["ForAllValues:StringLike"]["dynamodb:LeadingKeys"]
                assert not any(key.startswith("JOB") for key in keys)
            weights = [one for one in statement["Resource"] if "WeightsBucket" in str(one)]
            if action == "s3:GetObject" and weights:
                assert weights == [{"Fn::Sub": "${WeightsBucket.Arn}/big-model.v2/*"}]
