"""Three buckets: what callers send and get, what they drop, and weights.

Inputs and results are prefixes of one bucket, because the code speaks to one: a signature, a copy
and a sweep never leave it. Roles tell the prefixes apart.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from infra.template.data import KEEP
from infra.template.words import Value, att, ref, resource, sub
from pilotlight.adapters.aws import queues
from pilotlight.adapters.aws.cards import KEEP_DAYS
from pilotlight.adapters.aws.drop import DROP

if TYPE_CHECKING:
    from pilotlight.settings import Settings
    from pilotlight.settings.aws import QueueSettings

_PRIVATE: Final = {
    "BlockPublicAcls": True,
    "BlockPublicPolicy": True,
    "IgnorePublicAcls": True,
    "RestrictPublicBuckets": True,
}
_ENCRYPTED: Final = {
    "ServerSideEncryptionConfiguration": [
        {"BucketKeyEnabled": True, "ServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms"}}
    ]
}
"""With the account's own key for S3, which costs nothing by itself."""
_BROKEN_UPLOADS: Final = {
    "Id": "broken-uploads",
    "Status": "Enabled",
    "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 2},
}
DROP_TIMEOUT_S: Final = 300
"""Of the function that reads it, as ``functions.yml`` has it."""
DROP_FACTOR: Final = 6
"""As for every queue that feeds a Lambda: AWS's advice."""
DROP_RECEIVES: Final = 5
"""Then the message is a dead letter; the object itself is found by upkeep's listing."""
_SLACK_DAYS: Final = 7
"""Upkeep deletes files with their row; the bucket's own rule comes after it."""


def resources(settings: Settings) -> dict[str, Value]:
    return {
        **_bucket(
            "Files",
            "files",
            LifecycleConfiguration={"Rules": _files_rules(settings)},
            CorsConfiguration=_CORS,
        ),
        **_bucket(
            "Drop",
            "drop",
            after=("DropQueuePolicy",),
            VersioningConfiguration={"Status": "Enabled"},
            NotificationConfiguration={
                "QueueConfigurations": [
                    {
                        "Event": "s3:ObjectCreated:*",
                        "Filter": {"S3Key": {"Rules": [{"Name": "prefix", "Value": DROP}]}},
                        "Queue": att("DropQueue", "Arn"),
                    }
                ]
            },
            LifecycleConfiguration={
                "Rules": [
                    _BROKEN_UPLOADS,
                    {
                        "Id": "old",
                        "Status": "Enabled",
                        "ExpirationInDays": 30,
                        "NoncurrentVersionExpiration": {"NoncurrentDays": 7},
                    },
                ]
            },
        ),
        **_told_of_drops(settings.queue),
        **_bucket(
            "Weights",
            "weights",
            VersioningConfiguration={"Status": "Enabled"},
            LifecycleConfiguration={
                "Rules": [
                    _BROKEN_UPLOADS,
                    {
                        "Id": "replaced",
                        "Status": "Enabled",
                        "NoncurrentVersionExpiration": {"NoncurrentDays": 30},
                    },
                ]
            },
        ),
    }


_CORS: Final = {
    "CorsRules": [  # browsers come with presigned URLs, and those say what they may
        {
            "AllowedMethods": ["GET", "PUT", "HEAD"],
            "AllowedOrigins": ["*"],
            "AllowedHeaders": ["*"],
            # A page that reads a large file in pieces asks how much there is.
            "ExposedHeaders": ["ETag", "Accept-Ranges", "Content-Range", "Content-Disposition"],
            "MaxAge": 3600,
        }
    ]
}


def _files_rules(settings: Settings) -> list[dict[str, Value]]:
    """One for each ``keep-days`` that the code tags files with, and one for forgotten jobs."""
    forgotten = int(settings.job.retention_s / 86_400) + _SLACK_DAYS
    tagged = [
        {
            "Id": f"keep-{days}",
            "Status": "Enabled",
            "TagFilters": [{"Key": "keep-days", "Value": str(days)}],
            "ExpirationInDays": days + 1,
        }
        for days in KEEP_DAYS
    ]
    left = [
        {"Id": f"left-{name}", "Status": "Enabled", "Prefix": prefix, "ExpirationInDays": days}
        for name, prefix, days in (
            ("texts", "texts/", forgotten),
            ("results", "files/results/", forgotten),
            ("parts", "uploads/", 3),
            ("tickets", "tickets/", max(KEEP_DAYS) + _SLACK_DAYS),
        )
    ]
    return [*tagged, *left, _BROKEN_UPLOADS]


def _told_of_drops(settings: QueueSettings) -> dict[str, Value]:
    """The pair of queues between the drop bucket and the function that reads it."""
    pair = {
        "DropQueue": ("drop", DROP_FACTOR * DROP_TIMEOUT_S),
        "DropLetters": (f"drop{queues.DEAD}", DROP_FACTOR * DROP_TIMEOUT_S),
    }
    found = {
        logical: {
            "QueueName": sub("${AWS::StackName}-" + name),
            "VisibilityTimeout": hidden_s,
            "MessageRetentionPeriod": settings.retention_s,
            "SqsManagedSseEnabled": True,
        }
        for logical, (name, hidden_s) in pair.items()
    }
    found["DropQueue"]["RedrivePolicy"] = {
        "deadLetterTargetArn": att("DropLetters", "Arn"),
        "maxReceiveCount": DROP_RECEIVES,
    }
    source = "arn:${AWS::Partition}:sqs:${AWS::Region}:${AWS::AccountId}:${AWS::StackName}-drop"
    found["DropLetters"]["RedriveAllowPolicy"] = queues.only_from(sub(source))
    # By name: S3 looks whether it may send before the bucket is there to be referred to.
    bucket = sub("arn:${AWS::Partition}:s3:::${AWS::StackName}-drop-${AWS::AccountId}")
    may_tell = {
        "Sid": "ItsBucketTells",
        "Effect": "Allow",
        "Principal": {"Service": "s3.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": att("DropQueue", "Arn"),
        "Condition": {
            "ArnEquals": {"aws:SourceArn": bucket},
            "StringEquals": {"aws:SourceAccount": ref("AWS::AccountId")},
        },
    }
    document = {"Version": "2012-10-17", "Statement": [may_tell]}
    return {
        **{logical: resource("SQS::Queue", properties) for logical, properties in found.items()},
        "DropQueuePolicy": resource(
            "SQS::QueuePolicy", {"Queues": [ref("DropQueue")], "PolicyDocument": document}
        ),
    }


def _bucket(
    logical: str, name: str, *, after: tuple[str, ...] = (), **more: Value
) -> dict[str, Value]:
    properties = {
        "BucketName": sub("${AWS::StackName}-" + name + "-${AWS::AccountId}"),
        "BucketEncryption": _ENCRYPTED,
        "PublicAccessBlockConfiguration": _PRIVATE,
        "OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]},
    }
    one = f"{logical}Bucket"
    refuse_plain = {
        "Sid": "OnlyTls",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [att(one, "Arn"), sub(f"${{{one}.Arn}}/*")],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    document = {"Version": "2012-10-17", "Statement": [refuse_plain]}
    return {
        one: resource(
            "S3::Bucket",
            properties | more,
            DeletionPolicy=KEEP,
            UpdateReplacePolicy=KEEP,
            **({"DependsOn": list(after)} if after else {}),
        ),
        f"{one}Policy": resource(
            "S3::BucketPolicy", {"Bucket": ref(one), "PolicyDocument": document}
        ),
    }
