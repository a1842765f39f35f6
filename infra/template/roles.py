"""One role per process, and in it the requests which that process makes: nothing for later.

``tests/infra/test_permissions.py`` holds the same lists against what the code calls.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from infra.template.data import letters_arns, queue_arns
from infra.template.environment import KEYS, PARAMETERS
from infra.template.words import Value, att, resource, sub, tags

if TYPE_CHECKING:
    from infra.template.facts import Facts, Fleet

_JOBS: Final = [att("JobsTable", "Arn"), sub("${JobsTable.Arn}/index/*")]
_SECRETS: Final = [att("SecretsTable", "Arn")]
_OURS: Final = {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}
"""ECS works for every account: it may take a role of ours for tasks of ours alone. Lambda and EC2 do
not say for whom they ask."""


def allow(actions: str, resources: list[Value], condition: Value = None) -> dict[str, Value]:
    """``dynamodb: GetItem Query`` on these resources."""
    service, _, names = actions.partition(": ")
    found: dict[str, Value] = {
        "Effect": "Allow",
        "Action": [f"{service}:{name}" for name in names.split()],
        "Resource": resources,
    }
    return found | ({"Condition": condition} if condition else {})


def files(*paths: str) -> list[Value]:
    return [sub("${FilesBucket.Arn}/" + path) for path in paths]


def resources(workers: list[Facts], fleets: list[Fleet]) -> dict[str, Value]:
    arns, letters = queue_arns(workers), letters_arns(workers)
    found = {
        "IngressRole": _function("ingress", ingress(arns)),
        "UpkeepRole": _function("upkeep", upkeep(arns, letters)),
        "KickRole": _function("kick", kick()),
        "DropRole": _function("drop", drop(arns)),
        "DispatchRole": _function("dispatch", dispatch()),
        "DeadLettersRole": _function("dead-letters", dead_letters(letters)),
        "ExecutionRole": _execution(sorted({one.key for one in workers if one.key})),
        "HostRole": _host(),
        "HostProfile": resource("IAM::InstanceProfile", {"Roles": [{"Ref": "HostRole"}]}),
    }
    for one in fleets:
        found[f"{one.logical}Role"] = _role(
            "ecs-tasks", replica(one), tags=tags(one.name), Description=f"replicas of {one.name}"
        )
    return found


def ingress(queues: list[Value]) -> list[dict[str, Value]]:
    """Reads results too: it signs the URLs that callers read them by."""
    return [
        allow("dynamodb: GetItem BatchGetItem Query PutItem UpdateItem DeleteItem", _JOBS),
        allow("dynamodb: GetItem PutItem", _SECRETS),
        allow("s3: GetObject PutObject PutObjectTagging DeleteObject", files("*")),
        allow("s3: AbortMultipartUpload ListMultipartUploadParts", files("*")),
        allow("s3: ListBucket", [att("FilesBucket", "Arn")]),
        allow("sqs: SendMessage", queues),
        allow("lambda: InvokeFunction", [_function_arn("kick")]),
    ]


def upkeep(queues: list[Value], letters: list[Value]) -> list[dict[str, Value]]:
    """Takes back, scales, cleans; reads batches and what is dropped, and writes their results."""
    return [
        allow(
            "dynamodb: GetItem BatchGetItem Query PutItem UpdateItem DeleteItem BatchWriteItem",
            _JOBS,
        ),
        allow("dynamodb: GetItem PutItem", _SECRETS),
        allow("s3: GetObject PutObject PutObjectTagging DeleteObject", files("*")),
        allow("s3: AbortMultipartUpload", files("*")),
        allow("s3: GetObject", [sub("${DropBucket.Arn}/drop/*")]),
        allow(
            "s3: PutObject DeleteObject AbortMultipartUpload",
            [sub("${DropBucket.Arn}/drop-results/*")],
        ),
        allow("s3: ListBucket", [att("FilesBucket", "Arn"), att("DropBucket", "Arn")]),
        allow("sqs: SendMessage", queues),
        allow("sqs: ReceiveMessage DeleteMessage GetQueueAttributes", letters),
        allow("ssm: GetParametersByPath", [_parameter(PARAMETERS)]),
        allow("ecs: UpdateService DescribeServices", [_in_cluster("service")]),
        allow("ecs: DescribeTasks StopTask", [_in_cluster("task")]),
    ]


def drop(queues: list[Value]) -> list[dict[str, Value]]:
    """Reads what was dropped and makes jobs of it as the ingress does; says what it refuses."""
    return [
        allow("dynamodb: GetItem BatchGetItem Query PutItem UpdateItem", _JOBS),
        allow("dynamodb: GetItem PutItem", _SECRETS),
        allow("s3: GetObject PutObject PutObjectTagging AbortMultipartUpload", files("*")),
        allow("s3: GetObject", [sub("${DropBucket.Arn}/drop/*")]),
        allow(
            "s3: PutObject DeleteObject AbortMultipartUpload",
            [sub("${DropBucket.Arn}/drop-results/*")],
        ),
        allow("s3: ListBucket", [att("FilesBucket", "Arn"), att("DropBucket", "Arn")]),
        allow("sqs: SendMessage", queues),
        allow(
            "sqs: ReceiveMessage DeleteMessage GetQueueAttributes ChangeMessageVisibility",
            [att("DropQueue", "Arn")],
        ),
        allow("lambda: InvokeFunction", [_function_arn("kick")]),
    ]


def kick() -> list[dict[str, Value]]:
    """The scaler alone: it counts rows, writes down what it asked for, and raises a service."""
    return [
        allow("dynamodb: GetItem BatchGetItem Query PutItem UpdateItem", _JOBS),
        allow("dynamodb: GetItem PutItem", _SECRETS),
        allow("ssm: GetParametersByPath", [_parameter(PARAMETERS)]),
        allow("ecs: UpdateService DescribeServices", [_in_cluster("service")]),
        allow("ecs: DescribeTasks", [_in_cluster("task")]),
    ]


def dispatch() -> list[dict[str, Value]]:
    """Reads what it announces, and writes only to rows. It signs with what the secrets table has."""
    return [
        allow("dynamodb: GetItem BatchGetItem Query UpdateItem", _JOBS),
        allow(
            "dynamodb: DescribeStream GetRecords GetShardIterator ListStreams",
            [att("JobsTable", "StreamArn")],
        ),
        allow("dynamodb: GetItem PutItem", _SECRETS),
        allow("s3: GetObject", files("files/*", "texts/*")),
        allow("s3: ListBucket", [att("FilesBucket", "Arn")]),  # as for replicas
    ]


def dead_letters(letters: list[Value]) -> list[dict[str, Value]]:
    return [
        allow(
            "sqs: ReceiveMessage DeleteMessage GetQueueAttributes ChangeMessageVisibility", letters
        ),
        allow("dynamodb: GetItem UpdateItem", _JOBS),
        allow("dynamodb: GetItem", _SECRETS),
        allow("s3: GetObject", files("texts/*")),
        allow("s3: ListBucket", [att("FilesBucket", "Arn")]),  # as for replicas
    ]


def replica(fleet: Fleet) -> list[dict[str, Value]]:
    """Its own workers' queues and nobody else's; it never sends a message, so it makes no work."""
    feed_only = {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["FEED#*", "REPLICA*"]}}
    return [
        allow("dynamodb: GetItem BatchGetItem Query UpdateItem", _JOBS),
        allow("dynamodb: PutItem", [_JOBS[0]], feed_only),
        allow("dynamodb: GetItem", _SECRETS),
        allow("s3: GetObject", files("files/*", "texts/*")),
        allow("s3: PutObject PutObjectTagging", files("files/results/*", "texts/*", "expiring/*")),
        allow("s3: DeleteObject", files("files/results/*")),
        allow("s3: AbortMultipartUpload", files("files/results/*")),
        allow("s3: GetObject", [sub(f"${{WeightsBucket.Arn}}/{one}/*") for one in fleet.weights]),
        # Without it S3 says 403 where it means 404, and what is not there looks like a fault.
        allow("s3: ListBucket", [att("WeightsBucket", "Arn"), att("FilesBucket", "Arn")]),
        allow(
            "sqs: ReceiveMessage DeleteMessage ChangeMessageVisibility GetQueueAttributes",
            queue_arns([*fleet.members]),
        ),
        allow("ecs: GetTaskProtection UpdateTaskProtection", [_in_cluster("task")]),
    ]


def _function_arn(name: str) -> Value:
    return sub(
        "arn:${AWS::Partition}:lambda:${AWS::Region}:${AWS::AccountId}:function:${AWS::StackName}-"
        + name
    )


def _parameter(path: str) -> Value:
    return sub("arn:${AWS::Partition}:ssm:${AWS::Region}:${AWS::AccountId}:parameter" + path)


def _in_cluster(kind: str) -> Value:
    return sub(
        f"arn:${{AWS::Partition}}:ecs:${{AWS::Region}}:${{AWS::AccountId}}:{kind}/${{Cluster}}/*"
    )


def _function(name: str, statements: list[dict[str, Value]]) -> dict[str, Value]:
    log = sub(
        "arn:${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}:log-group:"
        f"/aws/lambda/${{AWS::StackName}}-{name}:*"
    )
    own = [
        allow("logs: CreateLogStream PutLogEvents", [log]),
        allow("xray: PutTraceSegments PutTelemetryRecords", ["*"]),  # X-Ray knows no resources
    ]
    return _role("lambda", own + statements)


def _execution(keys: list[str]) -> dict[str, Value]:
    """What ECS itself does before a container starts: fetch image and keys, open the log.

    ``keys`` are the names of the upstreams' keys that some worker is given.
    """
    statements = [
        allow(
            "ecr: GetAuthorizationToken", ["*"]
        ),  # ECR gives it for the registry, not a repository
        allow(
            "ecr: BatchCheckLayerAvailability BatchGetImage GetDownloadUrlForLayer",
            [att("ReplicaImages", "Arn")],
        ),
        allow(
            "logs: CreateLogStream PutLogEvents",
            [
                sub(
                    "arn:${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}:log-group:"
                    "/ecs/${AWS::StackName}/*"
                )
            ],
        ),
    ]
    if keys:
        statements.append(
            allow("ssm: GetParameters", [_parameter(f"{KEYS}/{key}") for key in keys])
        )
    return _role("ecs-tasks", statements)


def _host() -> dict[str, Value]:
    managed = (
        "arn:${AWS::Partition}:iam::aws:policy/service-role/AmazonEC2ContainerServiceforEC2Role"
    )
    session = "arn:${AWS::Partition}:iam::aws:policy/AmazonSSMManagedInstanceCore"
    return _role("ec2", [], ManagedPolicyArns=[sub(managed), sub(session)])


def _role(service: str, statements: list[dict[str, Value]], **more: Value) -> dict[str, Value]:
    principal = {"Service": f"{service}.amazonaws.com"}
    trust = {"Effect": "Allow", "Principal": principal, "Action": ["sts:AssumeRole"]}
    if service == "ecs-tasks":
        trust["Condition"] = _OURS
    properties: dict[str, Value] = {
        "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [trust]}
    }
    if statements:
        document = {"Version": "2012-10-17", "Statement": statements}
        properties["Policies"] = [{"PolicyName": "own", "PolicyDocument": document}]
    if "tags" in more:
        properties["Tags"] = more.pop("tags")
    return resource("IAM::Role", properties | more)
