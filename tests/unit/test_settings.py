from __future__ import annotations

import pytest

from pilotlight.settings import BadSettings, IngressSettings, LeaseSettings, Settings, load


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch):
    monkeypatch.delenv("PILOTLIGHT_SETTINGS", raising=False)


def test_the_defaults_that_are_promised():
    settings = load()

    assert settings == Settings()
    assert (settings.lease.lease_s, settings.lease.beat_s, settings.lease.margin_s) == (60, 15, 10)
    assert (settings.job.max_attempts, settings.job.max_losses) == (4, 3)
    assert (settings.job.start_timeout_s, settings.ingress.port) == (6 * 3600, 8000)
    assert sum(settings.webhook.schedule_s) == pytest.approx(75.6 * 3600, rel=0.001)


def test_the_environment_sets_a_field_by_its_path(monkeypatch):
    monkeypatch.setenv("PILOTLIGHT_LEASE__LEASE_S", "30")
    monkeypatch.setenv("PILOTLIGHT_WORKERS", '["mine"]')

    assert load().lease == LeaseSettings(lease_s=30)
    assert load().workers == ("mine",)


def test_what_is_asked_for_wins_field_by_field(monkeypatch):
    monkeypatch.setenv("PILOTLIGHT_INGRESS__MAX_BODY_BYTES", "1000")

    settings = load(ingress={"port": 0})

    assert settings.ingress == IngressSettings(port=0, max_body_bytes=1000)


REACH = [
    pytest.param({}, True, id="a laptop"),
    pytest.param({"ingress": {"host": "::1"}}, True, id="its other address"),
    pytest.param({"ingress": {"public_url": "http://localhost:8000"}}, True, id="its own name"),
    pytest.param({"ingress": {"host": "0.0.0.0"}}, False, id="the whole network"),
    pytest.param(
        {"ingress": {"public_url": "https://gpu.example.org"}}, False, id="behind a proxy"
    ),
    pytest.param({"ingress": {"host": "0.0.0.0"}, "allow_loopback": True}, True, id="as wished"),
    pytest.param({"allow_loopback": False}, False, id="not wished"),
    pytest.param({"mode": "aws"}, False, id="a deployment"),
    pytest.param({"mode": "aws", "allow_loopback": True}, False, id="a deployment in any case"),
    pytest.param({"mode": "aws", "aws": {"emulated": True}}, True, id="an emulated one"),
    pytest.param(
        {"mode": "aws", "aws": {"endpoint_url": "http://127.0.0.1:4566"}, "allow_loopback": True},
        True,
        id="a stack on an emulator, with its own roles",
    ),
    pytest.param(
        {
            "mode": "aws",
            "aws": {"endpoint_url": "https://vpce.example.org"},
            "allow_loopback": True,
        },
        False,
        id="a deployment by another way to AWS",
    ),
]


@pytest.mark.parametrize(("given", "may"), REACH)
def test_callers_reach_this_machine_only_where_they_are_on_it(given, may):
    assert Settings.model_validate(given).reaches_itself is may


BAD = [
    pytest.param("PILOTLIGHT_LEASE__LEASE_S", "x", "valid number", id="not a number"),
    pytest.param("PILOTLIGHT_LEASE__LEASE_S", "-1", "greater than 0", id="out of bounds"),
    pytest.param("PILOTLIGHT_LEASE__SPEED", "1", "LEASE__SPEED", id="no such field"),
    pytest.param("PILOTLIGHT_LEASE__LEAS_S", "1", "mean PILOTLIGHT_LEASE__LEASE_S", id="a typo"),
    pytest.param(
        "PILOTLIGHT_QUOTAS__BURST", "5", "mean PILOTLIGHT_QUOTA__BURST", id="a typo in a group"
    ),
    pytest.param("PILOTLIGHT_WORKERS", "mine", "JSON", id="a list that is no JSON"),
]


@pytest.mark.parametrize(("name", "value", "words"), BAD)
def test_a_bad_value_is_named_with_what_it_should_be(monkeypatch, name, value, words):
    monkeypatch.setenv(name, value)

    with pytest.raises(BadSettings, match=words):
        load()


def test_variables_that_a_cluster_or_an_upstream_brings_are_no_settings(monkeypatch):
    monkeypatch.setenv("PILOTLIGHT_PORT", "tcp://10.0.0.1:8000")
    monkeypatch.setenv("PILOTLIGHT_KEY_OF_FAL", "secret")

    load()
