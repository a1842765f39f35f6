"""What runs that were cut off have left in an account: ``python -m tests.aws.leftovers [--delete]``.

Everything that these tests make is called ``pilotlight-test-`` and eight letters. While a run is under
way its own things are listed too: delete when none is.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import Any, Final

import boto3

PREFIX: Final = "pilotlight-test-"
Leftover = tuple[str, Callable[[], object]]
"""What it is called, and what deletes it."""


def leftovers() -> Iterator[Leftover]:
    """In the order in which they can be deleted."""
    yield from _tables(boto3.client("dynamodb"))
    yield from _buckets(boto3.resource("s3"))
    yield from _queues(boto3.client("sqs"))
    yield from _clusters(boto3.client("ecs"))
    yield from _parameters(boto3.client("ssm"))


def _tables(client: Any) -> Iterator[Leftover]:
    for page in client.get_paginator("list_tables").paginate():
        for name in page["TableNames"]:
            if name.startswith(PREFIX):
                yield f"table {name}", lambda name=name: client.delete_table(TableName=name)


def _buckets(s3: Any) -> Iterator[Leftover]:
    for bucket in s3.buckets.all():
        if bucket.name.startswith(PREFIX):

            def empty_and_delete(bucket: Any = bucket) -> None:
                bucket.object_versions.delete()
                bucket.delete()

            yield f"bucket {bucket.name}", empty_and_delete


def _queues(client: Any) -> Iterator[Leftover]:
    for page in client.get_paginator("list_queues").paginate(QueueNamePrefix=PREFIX):
        for url in page.get("QueueUrls", ()):
            yield f"queue {url}", lambda url=url: client.delete_queue(QueueUrl=url)


def _clusters(client: Any) -> Iterator[Leftover]:
    for arn in client.list_clusters()["clusterArns"]:
        name = arn.rpartition("/")[2]
        if not name.startswith(PREFIX):
            continue
        for service in client.list_services(cluster=name)["serviceArns"]:
            yield (
                f"service {service}",
                lambda name=name, service=service: client.delete_service(
                    cluster=name, service=service, force=True
                ),
            )
        yield f"cluster {name}", lambda name=name: client.delete_cluster(cluster=name)
    for arn in client.list_task_definitions()["taskDefinitionArns"]:
        if arn.rpartition("/")[2].startswith(PREFIX):
            yield (
                f"task definition {arn}",
                lambda arn=arn: client.deregister_task_definition(taskDefinition=arn),
            )


def _parameters(client: Any) -> Iterator[Leftover]:
    named = [{"Key": "Name", "Option": "BeginsWith", "Values": [f"/{PREFIX}"]}]
    for page in client.get_paginator("describe_parameters").paginate(ParameterFilters=named):
        for one in page["Parameters"]:
            name = one["Name"]
            yield f"parameter {name}", lambda name=name: client.delete_parameter(Name=name)


def main() -> int:
    delete = "--delete" in sys.argv[1:]
    for name, remove in leftovers():
        sys.stdout.write(f"{'deleting' if delete else 'left'}: {name}\n")
        if delete:
            remove()
    return 0


if __name__ == "__main__":
    sys.exit(main())
