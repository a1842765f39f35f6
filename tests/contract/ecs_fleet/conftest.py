"""A fleet of ECS services, its register and its rows."""

from __future__ import annotations

import pytest

from pilotlight.adapters.aws import enrolment
from pilotlight.adapters.aws.ecs_fleet import EcsFleet
from pilotlight.adapters.aws.register import DynamoRegister
from pilotlight.adapters.aws.roster import DynamoRoster
from pilotlight.adapters.aws.store import DynamoStore
from pilotlight.settings import LeaseSettings
from tests.contract.ecs_fleet.account import WORKERS, Account
from tests.contract.emulator import quick_clients

__all__ = ["quick_clients"]


@pytest.fixture
def account(aws):
    made = Account(aws.account.endpoint_url)
    yield made
    made.clients.close()


@pytest.fixture
def store(aws):
    return DynamoStore(aws.calls, aws.table, aws.texts, workers=tuple(WORKERS))


@pytest.fixture
def register(aws, account):
    return DynamoRegister(aws.calls, aws.table, place=enrolment.place_of(account.cluster))


@pytest.fixture
def roster(aws):
    return DynamoRoster(aws.calls, aws.table)


@pytest.fixture
def fleet(register, account, clock):
    return EcsFleet(register, account.ecs, WORKERS, clock=clock, lease=LeaseSettings())
