"""A table that was restored beside the one in use gives its rows back."""

from __future__ import annotations

import re
import subprocess
import sys

import boto3
import pytest

from infra import restore
from pilotlight.adapters.aws import tables
from tests.infra.test_scaling_calls import REGION
from tests.live import ROOT

OLD, NOW = "pilotlight-prod-jobs-restored", "pilotlight-prod-jobs"


@pytest.fixture
def account(monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "emulated")
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    from moto import mock_aws

    with mock_aws():
        client = boto3.client("dynamodb")
        for name in (OLD, NOW):
            tables.create(client, tables.jobs_table(name))
        for number in range(30):
            client.put_item(TableName=OLD, Item=row(number, "then"))
        for number in range(10):
            client.put_item(TableName=NOW, Item=row(number, "since"))
        yield client


def row(number, said):
    return {"pk": {"S": f"JOB#{number}"}, "sk": {"S": "JOB"}, "said": {"S": said}}


def said(client):
    items = client.scan(TableName=NOW)["Items"]
    return {one["pk"]["S"]: one["said"]["S"] for one in items}


def test_what_is_lacking_comes_back_and_what_happened_since_stays(account):
    done = restore.restore(account, OLD, NOW, overwrite=False)

    assert (done.read, done.written, done.left) == (30, 20, 10)
    found = said(account)
    assert (len(found), found["JOB#3"], found["JOB#20"]) == (30, "since", "then")


def test_all_of_it_comes_back_when_that_is_asked_for(account):
    done = restore.restore(account, OLD, NOW, overwrite=True)

    assert (done.written, done.left) == (30, 0)
    assert set(said(account).values()) == {"then"}


def test_buckets_are_emptied_by_the_line_that_the_runbook_gives(account):
    """Whether their objects have versions or not: CloudFormation deletes no bucket with one."""
    page = (ROOT / "infra" / "RUNBOOK.md").read_text()
    (line,) = re.findall(r"^\$ \.venv/bin/python -c '(import boto3[^']+)'", page, re.MULTILINE)
    s3 = boto3.resource("s3")
    names = ["pilotlight-dev-files-1", "pilotlight-dev-drop-1", "pilotlight-dev-weights-1"]
    for name in names:
        place = {"LocationConstraint": REGION}
        bucket = s3.create_bucket(Bucket=name, CreateBucketConfiguration=place)
        if "files" not in name:
            bucket.Versioning().enable()
        for body in (b"a", b"b"):
            bucket.put_object(Key="one", Body=body)
        if "drop" in name:
            bucket.Object("one").delete()
    s3.create_bucket(Bucket="pilotlight-develop-files-1", CreateBucketConfiguration=place)
    s3.Bucket("pilotlight-develop-files-1").put_object(Key="one", Body=b"a")

    exec(compile(line, "RUNBOOK.md", "exec"), {})

    for name in names:
        assert list(s3.Bucket(name).object_versions.all()) == []
    assert list(s3.Bucket("pilotlight-develop-files-1").objects.all())


def test_it_says_what_it_takes():
    done = subprocess.run(
        [sys.executable, "-m", "infra.restore", "--help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert {"--source", "--target", "--overwrite"} <= set(re.findall(r"--\w+", done.stdout))
