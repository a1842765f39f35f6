"""AWS on this machine: moto inside the process, and ministack in a process of its own."""

from __future__ import annotations

import itertools
import json
import os
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from contextlib import contextmanager
from pathlib import Path

import botocore.loaders
import pytest
from botocore.awsrequest import AWSResponse
from botocore.exceptions import EndpointConnectionError, ReadTimeoutError

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


@pytest.fixture(scope="session", autouse=True)
def quick_clients():
    """Reading what a service can do takes longer than most tests: it is read once."""
    loader = botocore.loaders.create_loader()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(botocore.loaders, "create_loader", lambda *_, **__: loader)
        yield


def one_at_a_time(patch):
    """moto looks at a condition and then writes, so that another thread may come in between; AWS
    does both at once."""
    from moto.core.botocore_stubber import BotocoreStubber

    answer, turn = BotocoreStubber.process_request, threading.RLock()

    def answered(stubber, request):
        with turn:
            return answer(stubber, request)

    patch.setattr(BotocoreStubber, "process_request", answered)


class Account:
    """One emulated account: a client of each kind, and how many requests they made."""

    def __init__(self, endpoint_url=None):
        self.endpoint_url = endpoint_url
        self._clients = Clients(region=REGION, endpoint_url=endpoint_url)
        self.dynamodb, self.s3 = self._clients.dynamodb(), self._clients.s3()
        self.other = self._clients.dynamodb()
        """Of another process: no faults, and it is not counted."""
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

    @contextmanager
    def faults(self):
        """Faults of DynamoDB, gone afterwards."""
        found = Faults(self.dynamodb)
        try:
            yield found
        finally:
            found.clear()


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


def needs_ministack():
    """Skip without its venv, but never where ``CI`` is set."""
    if not MINISTACK.exists():
        in_ci = os.environ.get("CI")  # noqa: TID251 - of the run, not of the product
        missing = pytest.fail if in_ci else pytest.skip
        missing(f"no ministack in {MINISTACK.parent}: make setup puts it there")


@contextmanager
def ministack(folder):
    """The endpoint of a fresh server."""
    needs_ministack()
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
                "SERVICES": "dynamodb,s3,sqs,ecs,ssm,lambda",
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


class Faults:
    """What can go wrong between a client and AWS, for the next requests of one operation."""

    def __init__(self, client):
        self._events = client.meta.events
        self._service = client.meta.service_model.service_id.hyphenize()
        self._hooks = []

    def lose_answers(self, operation, times=1):
        """The request is carried out; what it answered never arrives."""
        left = iter(range(times))

        def hook(**_):
            if next(left, None) is not None:
                raise ReadTimeoutError(endpoint_url="https://emulated")

        self._hook(f"after-call.{self._service}.{operation}", hook)

    def cut_off(self, operation, times=1):
        """The connection cannot be made."""
        left = iter(range(times))

        def hook(**_):
            if next(left, None) is not None:
                raise EndpointConnectionError(endpoint_url="https://emulated")

        self._hook(f"before-send.{self._service}.{operation}", hook)

    def answer(self, operation, status, code, times=1):
        """An error in place of doing anything."""
        left = iter(range(times))

        parsed = {
            "Error": {"Code": code, "Message": code},
            "ResponseMetadata": {"HTTPStatusCode": status},
        }

        def hook(**_):
            if next(left, None) is not None:
                return AWSResponse("https://emulated", status, {}, None), parsed
            return None

        self._hook(f"before-call.{self._service}.{operation}", hook)

    def do_before_the_next(self, operation, action, *, after=0):
        """Somebody acts just before this request is sent; ``after`` requests are left alone."""
        left = iter(range(after + 1))

        def hook(**_):
            if next(left, None) == after:
                action()

        self._hook(f"before-call.{self._service}.{operation}", hook)

    def repeat_answers(self, operation):
        """From now on the answers are those that the same requests got before."""
        known = {}

        def listen(parsed, context, **_):
            known.setdefault(context["asked"], dict(parsed))
            parsed.clear()
            parsed.update(known[context["asked"]])

        def ask(params, context, **_):
            context["asked"] = json.dumps(params, sort_keys=True, default=str)

        self._hook(f"provide-client-params.{self._service}.{operation}", ask)
        self._hook(f"after-call.{self._service}.{operation}", listen)

    def _hook(self, event, hook):
        self._events.register_first(event, hook)
        self._hooks.append((event, hook))

    def clear(self):
        for event, hook in self._hooks:
            self._events.unregister(event, hook)
        self._hooks = []
