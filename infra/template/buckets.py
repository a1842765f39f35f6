"""Three buckets: what callers send and get, what they drop, and weights.

Inputs and results are prefixes of one bucket, because the code speaks to one: a signature, a copy
and a sweep never leave it. Roles tell the prefixes apart.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from infra.template.data import KEEP
from infra.template.words import Value, att, ref, resource, sub
from pilotlight.adapters.aws.cards import KEEP_DAYS

if TYPE_CHECKING:
    from pilotlight.settings import Settings

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
            VersioningConfiguration={"Status": "Enabled"},
            # Upkeep listens to EventBridge for what is below drop/; see functions.yml.
            NotificationConfiguration={"EventBridgeConfiguration": {"EventBridgeEnabled": True}},
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
            "ExposedHeaders": ["ETag"],
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


def _bucket(logical: str, name: str, **more: Value) -> dict[str, Value]:
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
            "S3::Bucket", properties | more, DeletionPolicy=KEEP, UpdateReplacePolicy=KEEP
        ),
        f"{one}Policy": resource(
            "S3::BucketPolicy", {"Bucket": ref(one), "PolicyDocument": document}
        ),
    }
