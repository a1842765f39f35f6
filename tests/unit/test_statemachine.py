"""Any sequence of moves from any copies of rows: every store does what the lifecycle says."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from pilotlight.adapters.local.clock import ManualClock
from pilotlight.adapters.local.database import Database
from pilotlight.adapters.local.store import SqliteStore
from tests.sim.comebacks import Rules, TableRules


def rules_of(*, examples, steps):
    return settings(
        max_examples=examples,
        stateful_step_count=steps,
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )


def test_the_simulations_own_table_does_what_the_lifecycle_says():
    run_state_machine_as_test(TableRules, settings=rules_of(examples=60, steps=40))


def test_sqlite_does_what_the_lifecycle_says(tmp_path):
    number = iter(range(1_000_000))

    class OnSqlite(Rules):
        def open_store(self):
            self.database = Database(tmp_path / f"jobs-{next(number)}.db")
            return SqliteStore(self.database)

        def teardown(self):
            super().teardown()
            with contextlib.suppress(AttributeError):
                self.database.close()

    run_state_machine_as_test(OnSqlite, settings=rules_of(examples=40, steps=40))


def test_dynamodb_does_what_the_lifecycle_says(monkeypatch):
    moto = pytest.importorskip("moto")
    from pilotlight.adapters.aws.store import DynamoStore
    from tests.contract import emulator

    for name, value in emulator.CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    with moto.mock_aws():
        account = emulator.Account()

        class OnDynamo(Rules):
            def open_store(self):
                stage = emulator.Stage(account, ManualClock())
                return DynamoStore(stage.calls, stage.table, stage.texts, workers=("lone",))

        run_state_machine_as_test(OnDynamo, settings=rules_of(examples=8, steps=25))
        account.close()
