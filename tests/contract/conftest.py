"""One fixture per port, parametrised over its adapters. A new adapter adds one line here."""

from __future__ import annotations

import pytest

from pilotlight.adapters.aws.feed import DynamoFeed
from pilotlight.adapters.aws.files import DynamoFiles
from pilotlight.adapters.aws.keys import DynamoKeys
from pilotlight.adapters.aws.secrets import DynamoSecrets
from pilotlight.adapters.aws.store import DynamoStore
from pilotlight.adapters.local.feed import SqliteFeed
from pilotlight.adapters.local.files import SqliteFiles
from pilotlight.adapters.local.keys import SqliteKeys
from pilotlight.adapters.local.secrets import FileSecrets
from pilotlight.adapters.local.store import SqliteStore
from tests.contract import emulator

WORKERS = ("echo", "other")


@pytest.fixture(scope="session")
def moto_account():
    with pytest.MonkeyPatch.context() as patch:
        for name, value in emulator.CREDENTIALS.items():
            patch.setenv(name, value)
        # First, so that its hook is in the clients that are made after it.
        from moto import mock_aws

        emulator.one_at_a_time(patch)
        with mock_aws():
            account = emulator.Account()
        yield account
        account.close()


@pytest.fixture(scope="session")
def ministack_account(tmp_path_factory):
    with (
        pytest.MonkeyPatch.context() as patch,
        emulator.ministack(tmp_path_factory.mktemp("ministack")) as url,
    ):
        for name, value in emulator.CREDENTIALS.items():
            patch.setenv(name, value)
        account = emulator.Account(url)
        yield account
        account.close()


@pytest.fixture
def moto(moto_account, clock):
    """AWS inside this process."""
    from moto import mock_aws

    with mock_aws():
        yield emulator.Stage(moto_account, clock)


@pytest.fixture
def ministack(ministack_account, clock):
    """AWS in a process beside this one."""
    return emulator.Stage(ministack_account, clock)


@pytest.fixture(params=["moto", "ministack"])
def aws(request):
    return request.getfixturevalue(request.param)


def sqlite_store(request):
    return SqliteStore(request.getfixturevalue("database"))


def sqlite_feed(request):
    return SqliteFeed(request.getfixturevalue("database"))


def sqlite_keys(request):
    return SqliteKeys(request.getfixturevalue("database"))


def sqlite_files(request):
    return SqliteFiles(request.getfixturevalue("database"))


def file_secrets(request):
    return FileSecrets(request.getfixturevalue("tmp_path") / "secrets")


def dynamo_store(stage):
    return DynamoStore(stage.calls, stage.table, stage.texts, workers=WORKERS)


def on(emulated, make):
    """The adapter over an emulator, as the fixtures below want it."""

    def build(request):
        return make(request.getfixturevalue(emulated))

    build.__name__ = f"{make.__name__}_on_{emulated}"
    return build


def dynamo_feed(stage):
    return DynamoFeed(stage.calls, stage.table, stage.texts)


def dynamo_keys(stage):
    return DynamoKeys(stage.calls, stage.table)


def dynamo_files(stage):
    return DynamoFiles(stage.calls, stage.table)


def dynamo_secrets(stage):
    return DynamoSecrets(stage.calls, stage.secrets_table)


@pytest.fixture(
    params=[sqlite_store, on("moto", dynamo_store), on("ministack", dynamo_store)],
    ids=lambda make: make.__name__,
)
def store(request):
    return request.param(request)


@pytest.fixture(
    params=[sqlite_feed, on("moto", dynamo_feed), on("ministack", dynamo_feed)],
    ids=lambda make: make.__name__,
)
def feed(request):
    return request.param(request)


@pytest.fixture(
    params=[sqlite_keys, on("moto", dynamo_keys), on("ministack", dynamo_keys)],
    ids=lambda make: make.__name__,
)
def keys(request):
    return request.param(request)


@pytest.fixture(
    params=[sqlite_files, on("moto", dynamo_files), on("ministack", dynamo_files)],
    ids=lambda make: make.__name__,
)
def files(request):
    return request.param(request)


@pytest.fixture(
    params=[file_secrets, on("moto", dynamo_secrets), on("ministack", dynamo_secrets)],
    ids=lambda make: make.__name__,
)
def secrets(request):
    return request.param(request)
