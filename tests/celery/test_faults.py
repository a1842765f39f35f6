"""Polls that fail: the consumer goes on, and its jobs with it."""

from __future__ import annotations

import socket
import threading

import pytest

from pilotlight.adapters.aws.pulse import Pulse
from pilotlight.adapters.local.clock import ManualClock
from tests.celery.proxy import FAULTS, RECEIVE
from tests.contract import emulator
from tests.sqs_stage import SqsStage, ids, received, settings_for, until


def test_polls_that_fail_are_followed_by_one_that_does_not(stage_of, proxy, kind):
    """Stock kombu 5.7.0 never polls again after the first 503 or 400."""
    stage = stage_of(through=proxy.url)
    with stage.receiver(kind) as receiver:
        for number, fault in enumerate(FAULTS, 1):
            proxy.fail(fault, 2)
            assert receiver.receive(limit=1) == []
            until(lambda wanted=2 * number: proxy.failed == wanted, f"two polls with {fault}")
            stage.send(f"job-{fault}")
            (delivery,) = received(receiver)
            assert delivery.job_id == f"job-{fault}"
            receiver.ack(delivery)
        assert not receiver.pulse.dead


def test_after_failures_it_waits_longer_each_time(stage_of, proxy, kind):
    stage = stage_of(through=proxy.url)
    proxy.fail("503", 1000)
    with stage.receiver(kind) as receiver:
        receiver.receive(limit=1)
        until(lambda: proxy.failed >= 4, "four polls")
        at_four = threading.Event()
        at_four.wait(0.5)  # a consumer without a pause would ask hundreds of times meanwhile

        assert proxy.failed <= 7


def test_a_dark_line_is_survived(stage_of, proxy, kind):
    stage = stage_of(through=proxy.url)
    with stage.receiver(kind) as receiver:
        receiver.receive(limit=1)
        until(lambda: proxy.calls[RECEIVE] >= 1, "the first poll")
        proxy.dark = True
        until(lambda: proxy.cut >= 2, "polls that are cut")
        stage.send("job-1")
        proxy.dark = False

        assert ids(received(receiver)) == ["job-1"]


def test_an_emulator_that_is_started_anew_is_found_again(tmp_path, proxy, kind):
    """Another process behind the same address, first without any queue."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in emulator.CREDENTIALS.items():
            patch.setenv(name, value)
        for place in ("one", "two"):
            (tmp_path / place).mkdir()
        with emulator.ministack(tmp_path / "one") as first:
            settings = settings_for(first, through=proxy.url)
            proxy.upstream = first.removeprefix("http://")
            stage = SqsStage(first, settings)
            opened = stage.receiver(kind)
            receiver = opened.__enter__()
            stage.send("job-1")
            (delivery,) = received(receiver)
            receiver.ack(delivery)
            receiver.receive(limit=1)
            stage.close()
        with emulator.ministack(tmp_path / "two") as second:
            proxy.upstream = second.removeprefix("http://")
            seen = proxy.calls[RECEIVE]
            until(lambda: proxy.calls[RECEIVE] > seen, "a poll of a queue that is not there")
            stage = SqsStage(second, settings)
            stage.send("job-2")
            assert ids(received(receiver)) == ["job-2"]
            opened.__exit__(None, None, None)
            stage.close()


def dead_letters(stage, receiver):
    """How many there are; SQS moves a message when it would be received once too often."""
    assert receiver.receive(limit=2) == []
    return stage.counts(stage.dead_url)[0]


def test_messages_that_nobody_can_read_are_left_to_the_redrive(stage_of, kind):
    stage = stage_of(max_receives=1, visibility_s=2)
    for body in ("not base64!", "bm90IGpzb24=", "eyJhIjogMX0=", "x" * 200_000):
        stage.client.send_message(QueueUrl=stage.url, MessageBody=body)
    with stage.receiver(kind, slots=2) as receiver:
        assert receiver.receive(limit=2) == []
        stage.send("job-1")
        (delivery,) = received(receiver, limit=2)
        receiver.ack(delivery)
        assert delivery.job_id == "job-1"
        until(lambda: dead_letters(stage, receiver) == 4, "the redrive of 4")


def test_messages_of_another_task_or_version_are_left_to_the_redrive(stage_of, kind):
    stage = stage_of(max_receives=1, visibility_s=2)
    sender = stage.sender("celery")
    name = stage.url.rpartition("/")[2]
    sender._app.send_task("pilotlight.job", args=[2, "job-of-tomorrow"], queue=name)
    sender._app.send_task("pilotlight.job", args=[1, {"not": "an id"}], queue=name)
    sender._app.send_task("os.system", args=["true"], queue=name)
    with stage.receiver(kind, slots=2) as receiver:
        receiver.receive(limit=2)
        stage.send("job-1")
        (delivery,) = received(receiver, limit=2)
        receiver.ack(delivery)
        assert delivery.job_id == "job-1"
        until(lambda: dead_letters(stage, receiver) == 3, "the redrive of 3")
    sender.close()


def test_a_message_whose_task_cannot_be_called_is_left_to_the_redrive(stage_of):
    """Celery acknowledges a task that failed; stock kombu then deletes its message."""
    stage = stage_of(max_receives=1, visibility_s=1)
    sender = stage.sender("celery")
    sender._app.send_task("pilotlight.job", args=[1], queue=stage.url.rpartition("/")[2])
    with stage.receiver("celery") as receiver:
        until(lambda: dead_letters(stage, receiver) == 1, "the redrive")
    sender.close()


def test_the_hub_always_has_a_descriptor_to_wait_on(stage_of):
    """Without one it sleeps for 0.1 s at a time and does not hear its own wake-up call."""
    with stage_of().receiver("celery") as receiver:
        assert not receiver.receive(limit=0)
        hub = until(lambda: receiver._controller.hub, "Celery's hub")
        until(lambda: hub.readers, "an idle pipe, as nothing is polled")


def test_a_consumer_that_ends_by_itself_is_noticed_at_once(stage_of):
    from celery.worker import state

    ended = threading.Event()
    with stage_of().receiver("celery") as receiver:
        receiver.pulse.on_death = ended.set
        receiver.receive(limit=1)
        state.should_stop = 0

        assert ended.wait(30)
        assert receiver.pulse.dead


def test_a_consumer_that_asks_and_hears_nothing_is_noticed(stage_of, kind):
    """A line that takes the question and never answers: the worst that SQS can do."""
    clock, ended = ManualClock(), threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        through = f"http://127.0.0.1:{deaf.getsockname()[1]}"
        stage = stage_of(through=through)
        opened = stage.receiver(kind, clock=clock, deaf_s=60)
        receiver = opened.__enter__()
        receiver.pulse.on_death = ended.set
        receiver.receive(limit=1)
        line, _ = deaf.accept()
        clock.sleep(59)
        receiver.receive(limit=1)
        assert not ended.is_set()
        clock.sleep(2)
        receiver.receive(limit=1)
        assert ended.is_set()
        line.close()
    opened.__exit__(None, None, None)


def test_silence_counts_only_while_polls_are_wanted():
    clock, ends = ManualClock(), []
    pulse = Pulse(clock, patience_s=60)
    pulse.on_death = lambda: ends.append(clock.monotonic())
    clock.sleep(1000)
    pulse.look()
    pulse.wanted(True)
    clock.sleep(59)
    pulse.look()
    pulse.beat()
    clock.sleep(59)
    pulse.look()
    assert (ends, pulse.silence_s) == ([], 59)
    pulse.wanted(False)
    clock.sleep(1000)
    pulse.look()
    pulse.wanted(True)
    assert (ends, pulse.silence_s) == ([], 0)
    clock.sleep(61)
    pulse.look()
    pulse.look()
    assert len(ends) == 1
