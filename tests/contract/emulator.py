"""AWS on this machine: moto inside the process, and ministack in a process of its own."""

from __future__ import annotations

import itertools
import os
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections import Counter
from contextlib import contextmanager
from pathlib import Path

import pytest

from pilotlight.adapters.aws import tables
from pilotlight.adapters.aws.calls import Calls
from pilotlight.adapters.aws.clients import Clients
from pilotlight.adapters.aws.objects import Bucket
from pilotlight.adapters.aws.texts import LongTexts

MINISTACK = Path(__file__).parents[2] / ".venv-ministack" / "bin" / "python"
REGION = "us-east-1"
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": REGION,
    "AWS_EC2_METADATA_DISABLED": "true",
}
_names = itertools.count(1)


class Account:
    """One emulated account: a client of each kind, and how many requests they made."""

    def __init__(self, endpoint_url=None):
        self.endpoint_url = endpoint_url
        self._clients = Clients(region=REGION, endpoint_url=endpoint_url)
        self.dynamodb, self.s3 = self._clients.dynamodb(), self._clients.s3()
        self.requests = Counter()
        for client in (self.dynamodb, self.s3):
            client.meta.events.register("request-created", self._count)

    def _count(self, operation_name, **_):
        self.requests[operation_name] += 1

    @contextmanager
    def counted(self):
        """A Counter of the requests made inside, by operation, every try of one included."""
        before, during = self.requests.copy(), Counter()
        yield during
        during.update(self.requests - before)

    def close(self):
        self._clients.close()


class Stage:
    """A table, a table of secrets and a bucket that nobody else uses, in one account."""

    def __init__(self, account, clock):
        number = next(_names)
        self.account, self.clock = account, clock
        self.table, self.secrets_table = f"jobs-{number}", f"secrets-{number}"
        name = f"files-{os.getpid()}-{number}"
        self.calls = Calls(account.dynamodb, clock)
        self.bucket = Bucket(account.s3, name)
        self.texts = LongTexts(self.bucket)
        tables.create(account.dynamodb, tables.jobs_table(self.table))
        tables.create(account.dynamodb, tables.secrets_table(self.secrets_table))
        account.s3.create_bucket(Bucket=name)


@contextmanager
def ministack(folder):
    """The endpoint of a fresh server. Skips without its venv, but never where ``CI`` is set."""
    if not MINISTACK.exists():
        in_ci = os.environ.get("CI")  # noqa: TID251 - of the run, not of the product
        missing = pytest.fail if in_ci else pytest.skip
        missing(f"no ministack in {MINISTACK.parent}: make setup puts it there")
    port = _free_port()
    with (folder / "ministack.log").open("wb") as log:
        server = subprocess.Popen(
            [MINISTACK, "-m", "ministack"],
            cwd=folder,
            env={
                "PATH": os.defpath,
                "HOME": str(folder),
                "TMPDIR": str(folder),
                "GATEWAY_PORT": str(port),
                "BIND_HOST": "127.0.0.1",
                "SERVICES": "dynamodb,s3,sqs",
                "LOG_LEVEL": "WARNING",
            },
            stdout=log,
            stderr=log,
        )
    try:
        _wait_for(f"http://127.0.0.1:{port}/_ministack/health", server, folder / "ministack.log")
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        try:
            server.wait(10)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait(10)


def _free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def _wait_for(url, server, log):
    """Until it answers; a listening port tells nothing, so this asks again with a deadline."""
    ends_at = time.monotonic() + 30
    while time.monotonic() < ends_at:
        if server.poll() is not None:
            break
        try:
            with urllib.request.urlopen(url, timeout=1):
                return
        except (urllib.error.URLError, OSError):
            server_exited(server, 0.05)
    raise AssertionError(f"ministack does not answer: {log.read_text()[-2000:]}")


def server_exited(server, within_s):
    """Wait for its end, which is not expected."""
    try:
        server.wait(within_s)
    except subprocess.TimeoutExpired:
        return False
    return True
