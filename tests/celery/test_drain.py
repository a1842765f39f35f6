"""Leaving: whatever the moment, no message stays hidden behind somebody who has gone."""

from __future__ import annotations

import random
import signal
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from kombu.transport import SQS

from pilotlight.adapters.celery.tap import Tap
from pilotlight.adapters.celery.transport import Channel
from pilotlight.contracts import moves
from pilotlight.contracts.job import JobStatus
from tests.celery.rig import PATIENCE_S
from tests.sqs_stage import ids, received, until

SEED = 20_261_120


def pause(seconds):
    """A moment chosen by chance, which is the point of these tests."""
    threading.Event().wait(seconds)


@pytest.mark.parametrize("slots", [1, 4])
def test_a_consumer_that_leaves_at_any_moment_hides_nothing(stage_of, kind, slots):
    """Messages land before, at and after the moment at which it leaves; it settles none of them."""
    stage, rng = stage_of(max_receives=1000), random.Random(SEED + slots)

    def send(number):
        for one in range(4):
            stage.send(f"job-{number}-{one}")
            pause(0.05)

    for trial in range(5):
        with ThreadPoolExecutor(1) as pool:
            with stage.receiver(kind, slots=slots) as receiver:
                receiver.receive(limit=slots)
                sending = pool.submit(send, trial)
                pause(rng.uniform(0, 0.25))
                for delivery in receiver.receive(limit=slots):
                    receiver.release(delivery)
            sending.result()
        assert stage.counts() == (4 * (trial + 1), 0)


def test_what_a_leaving_consumer_gives_back_is_there_for_the_next(stage_of, kind):
    stage = stage_of()
    stage.send("job-1", "job-2", "job-3")
    with stage.receiver(kind, slots=2) as receiver:
        (first, _) = received(receiver, 2)
        receiver.ack(first)
    # It never settled the second: that one becomes visible by itself, the third is there now.
    assert sum(stage.counts()) == 2
    with stage.receiver("loop") as successor:
        (third,) = received(successor)
        assert third.job_id == "job-3"


def test_a_message_that_nobody_takes_is_given_back_and_no_other_is_asked_for(stage_of, kind):
    """A replica whose model has to be loaded again stops asking; others may have its jobs."""
    stage = stage_of(visibility_s=300)
    with stage.receiver(kind, patience_s=0.3) as receiver:
        receiver.receive(limit=1)
        stage.send("job-1", "job-2")
        until(lambda: stage.counts() == (1, 1), "the first to arrive")
        until(lambda: stage.counts() == (2, 0), "it to be given back")
        receiver.poked()
        pause(0.5)
        assert stage.counts() == (2, 0)
        assert len(received(receiver)) == 1


def test_a_job_that_is_being_stored_leaves_its_place_to_the_next(stage_of, kind):
    """The replica has a slot free although its message is not settled yet."""
    stage = stage_of()
    stage.send("job-1", "job-2")
    with stage.receiver(kind, slots=1) as receiver:
        (first,) = received(receiver)
        (second,) = received(receiver)
        receiver.ack(first)
        receiver.ack(second)
        until(lambda: stage.counts() == (0, 0), "both to be settled")
        assert {first.job_id, second.job_id} == {"job-1", "job-2"}


def test_what_is_kept_longer_stays_hidden_and_what_is_not_comes_again(stage_of, kind):
    stage = stage_of(visibility_s=3)
    stage.send("job-1", "job-2")
    with stage.receiver(kind, slots=2) as receiver:
        kept, left = received(receiver, 2)
        receiver.extend([kept], seconds=20)
        assert ids(received(receiver, limit=1)) == [left.job_id]
        assert stage.counts() == (0, 2)


def test_a_poll_that_was_about_to_begin_when_all_was_over_does_not_begin(stage_of, monkeypatch):
    """It would be cut off, and the message that it was about to bring stay hidden."""
    stage = stage_of(visibility_s=300)
    about_to, over, begun = threading.Event(), threading.Event(), []
    estimate, get, drained = Channel._get_message_estimate, SQS.Channel._get_async, Tap.drained

    def stand_still(channel, *args):
        most = estimate(channel, *args)
        about_to.set()
        assert over.wait(30)
        return most

    def say_so(tap, patience_s):
        try:
            return drained(tap, patience_s)
        finally:
            over.set()

    def begin(channel, *args, **named):
        begun.append(args)
        return get(channel, *args, **named)

    monkeypatch.setattr(Channel, "_get_message_estimate", stand_still)
    monkeypatch.setattr(SQS.Channel, "_get_async", begin)
    monkeypatch.setattr(Tap, "drained", say_so)
    with stage.receiver("celery") as receiver:
        receiver.receive(limit=1)
        assert about_to.wait(30)
        stage.send("job-1")
    assert not begun
    assert stage.counts() == (1, 0)


def trial(rig, rng, number, kind):
    """One replica that is told to go at a moment of its own; the ids of the jobs it met, and
    whether its grace was over before all was said: then the timeouts have to do it.
    """
    replica_id = f"replica-{number}"
    replica = rig.start(replica_id)
    rig.ready(replica_id)
    length_s = {"idle": 0, "short": 0.5, "long": 60, "mixed": rng.choice((0, 0.5))}[kind]
    met = [rig.submit({"text": "t", "sleep_s": length_s})]
    pause(rng.uniform(0, 0.5))
    replica.send_signal(signal.SIGTERM)
    if kind == "mixed":
        met += [rig.submit({"text": "t"}) for _ in range(3)]
    assert replica.wait(PATIENCE_S) == 0, rig.log(replica_id)
    late = rig.counts()[1] > 0
    if late:
        within_s = rig.settings.queue.visibility_s + 2  # the emulator's own clock is a second's
        rig.until(lambda: rig.counts()[1] == 0, "its messages to be seen", patience_s=within_s)
    states = {rig.job(job_id).status for job_id in met}
    assert states <= {JobStatus.QUEUED, JobStatus.SUCCEEDED, *[JobStatus.RUNNING] * late}
    return met, late


def trials(rig_of, count, *, most_late=0, first=0):
    """How many were late."""
    rig = rig_of("echo", replica={"grace_s": 2})
    rng, met, late = random.Random(SEED + first), [], 0
    for number in range(first, first + count):
        kind = ("idle", "short", "long", "mixed")[number % 4]
        ids, was_late = trial(rig, rng, number, kind)
        met, late = met + ids, late + was_late
    assert late <= most_late

    def all_free():
        rig.reaper(rig.clock.now())
        return all(rig.job(one).status is not JobStatus.RUNNING for one in met)

    rig.until(all_free, "no lease to be left")
    for job_id in met:
        job = rig.job(job_id)
        if '"sleep_s": 60' in job.input:  # handed back untouched each time; enough of it
            assert (job.status, job.attempts) == (JobStatus.QUEUED, 0)
            rig.store.move(job_id, moves.cancel(job, now=rig.clock.now()))
    rig.start("successor")
    rig.succeeded(*(one for one in met if rig.job(one).status is not JobStatus.CANCELLED))
    rig.until(lambda: rig.counts() == (0, 0), "the last message to go")
    return late


def test_replicas_told_to_go_at_random_moments_strand_no_message(rig_of):
    trials(rig_of, 4)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_replicas_told_to_go_at_500_random_moments_strand_no_message(rig_of):
    """Two seconds of grace are little on a busy machine: one in a hundred may outlast them."""
    trials(rig_of, 500, most_late=5)
