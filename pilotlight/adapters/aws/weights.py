"""Weights in S3: a prefix as links that anybody may read in ranges for an hour."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from botocore.exceptions import BotoCoreError, ClientError

from pilotlight.errors import WeightsMissing
from pilotlight.ports.weights import Link

if TYPE_CHECKING:
    from collections.abc import Iterator

    from types_boto3_s3 import S3Client

LINK_S: Final = 3600
"""Longer than any load; a role's credentials may end a link sooner, then a retry makes new ones."""


class S3Weights:
    def __init__(self, client: S3Client) -> None:
        self._s3 = client

    def links(self, uri: str) -> list[Link]:
        place = urlsplit(uri)
        if place.scheme != "s3" or not place.netloc:
            raise WeightsMissing(f"{uri!r} is no place in S3: write s3://bucket/folder/")
        prefix = f"{place.path.strip('/')}/" if place.path.strip("/") else ""
        try:
            found = list(self._listed(place.netloc, prefix))
        except (ClientError, BotoCoreError) as error:
            raise WeightsMissing(f"{uri} cannot be read: {error}") from None
        if not found:
            raise WeightsMissing(f"nothing lies in {uri}")
        return sorted(found, key=lambda one: one.name)

    def _listed(self, bucket: str, prefix: str) -> Iterator[Link]:
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        for page in pages:
            for item in page.get("Contents", ()):
                name = item["Key"].removeprefix(prefix)
                if not name or name.endswith("/"):
                    continue  # a console's way to show a folder
                url = self._s3.generate_presigned_url(
                    "get_object", {"Bucket": bucket, "Key": item["Key"]}, ExpiresIn=LINK_S
                )
                yield Link(name, url, item["Size"], item["ETag"])
