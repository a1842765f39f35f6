"""Figures for Prometheus: who may see them, and what they say."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from handlers.app import create_app
from handlers.measuring import Measure
from pilotlight.contracts import moves
from pilotlight.observability.metrics import Figures, WorkerFigures, emf, prometheus
from tests.dialects.stage import Stage, served, services_in


def samples(text):
    """Sample by name and labels; raises for a line that is not of the text format."""
    found = {}
    for line in text.splitlines():
        if line.startswith("# "):
            assert line.split()[1] in ("HELP", "TYPE")
            continue
        name, _, value = line.rpartition(" ")
        found[name] = float(value)
    return found


def test_what_waits_runs_and_ended_is_told_to_this_machine(stage, clock, make_job):
    store = stage.services.store
    worker = next(iter(stage.services.catalogue.workers))
    with stage.client() as client:
        assert client.get("/metrics").headers["content-type"].startswith("text/plain")
        for number in range(3):
            job = make_job(id=f"waits-{number}", worker=worker, created_at=clock.now() - 7)
            store.create([job])
            store.move(job.id, moves.queued(job, due_at=clock.now() + 99))
        leased = store.move(
            "waits-0", moves.lease(owner="r", now=clock.now(), lease_s=60, margin_s=10)
        )
        store.move("waits-0", moves.succeed(leased, now=clock.now(), output="{}"))
        clock.sleep(2)
        told = samples(client.get("/metrics").text)
        assert told[f'pilotlight_queued{{worker="{worker}"}}'] == 2
        assert told[f'pilotlight_oldest_queued_seconds{{worker="{worker}"}}'] == 9
        ended = f'pilotlight_ended_total{{worker="{worker}",status="succeeded"}}'
        assert told[ended] == 1
        clock.sleep(2)
        assert samples(client.get("/metrics").text)[ended] == 1  # a counter never falls


def test_a_paused_worker_is_told_so_that_no_alarm_rings_for_what_waits(stage, clock):
    worker, sample = next(iter(stage.services.catalogue.workers)), "pilotlight_paused"
    name = f'{sample}{{worker="{worker}"}}'
    with stage.client() as client:
        assert samples(client.get("/metrics").text)[name] == 0
        stage.services.overrules.pause(worker, now=clock.now())
        clock.sleep(2)
        assert samples(client.get("/metrics").text)[name] == 1


@pytest.mark.parametrize("header", ["x-forwarded-for", "forwarded"])
def test_a_proxy_on_this_machine_speaks_for_others(stage, header):
    with stage.client() as client:
        assert client.get("/metrics", headers={header: "198.51.100.7"}).status_code == 401


@pytest.mark.parametrize("name", ["pages.example", "127.0.0.1.example:80", "[", "10.0.0.1"])
def test_a_page_whose_name_leads_to_this_machine_reads_none_of_them(stage, name):
    with stage.client() as client:
        assert client.get("/metrics", headers={"host": name}).status_code == 401


@pytest.mark.parametrize("name", ["localhost:9000", "[::1]:8000", "127.0.0.1"])
def test_this_machine_has_several_names(stage, name):
    with stage.client() as client:
        assert client.get("/metrics", headers={"host": name}).status_code == 200


def test_with_a_token_only_who_has_it_sees_them(tmp_path, clock):
    with services_in(tmp_path, clock) as services:
        ingress = services.settings.ingress.model_copy(
            update={"metrics_token": SecretStr("tell-me")}
        )
        from dataclasses import replace

        guarded = replace(
            services, settings=services.settings.model_copy(update={"ingress": ingress})
        )
        with served(create_app(guarded)) as url, Stage(guarded, url).client() as client:
            assert client.get("/metrics").status_code == 401
            wrong = client.get("/metrics", headers={"authorization": "Bearer tell-you"})
            assert wrong.status_code == 401
            right = client.get("/metrics", headers={"authorization": "Bearer tell-me"})
            assert right.status_code == 200


def test_overdue_rows_and_failing_webhooks_are_measured(stage, clock, make_job):
    store = stage.services.store
    late = make_job(id="late", due_at=clock.now() - 30)
    hooked = make_job(id="hooked", webhook="http://127.0.0.1:9/x")
    store.create([late, hooked])
    leased = store.move("hooked", moves.lease(owner="r", now=clock.now(), lease_s=5, margin_s=1))
    done = store.move("hooked", moves.succeed(leased, now=clock.now(), output="{}"))
    taken = store.move("hooked", moves.lease_webhook(done, now=clock.now(), lease_s=30))
    store.move("hooked", moves.settle_webhook(taken, due_at=clock.now() + 300, state=None))
    clock.sleep(10)
    figures = Measure(stage.services)(clock.now())
    assert figures.overdue_s == 40
    assert (figures.webhooks_failing, figures.webhook_overdue_s) == (1, 0)
    assert not figures.busy or figures.workers


def test_names_of_workers_cannot_break_a_line():
    figures = Figures(at=1.0, workers={'a"b\\c\nd': WorkerFigures(queued=1)})
    assert 'pilotlight_queued{worker="a\\"b\\\\c\\nd"} 1' in prometheus(figures)
    assert all("\n" not in line for line in emf(figures, stage="prod"))
