"""Posts the webhooks of finished jobs: lease the row (T16), post, settle it (T16).

One thread owns the store and all bookkeeping; a bounded pool of threads does nothing but post.
A row is leased only when a thread is free for it, so that a lease never runs out in a queue. A
dispatcher that dies after a posting leaves the lease to run out: the receiver gets a duplicate
with the same ``webhook-id``.
"""

from __future__ import annotations

import queue
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Final, Protocol

from pilotlight.contracts import moves
from pilotlight.contracts.webhook import MAX_BODY_BYTES, Announcement, announcement_id
from pilotlight.delivery.hosts import MAX_TURN_S, Hosts, host_of
from pilotlight.delivery.posting import Posting, report, result_of, settling_move
from pilotlight.delivery.receivers import Receivers
from pilotlight.delivery.schedule import Delivered, Disable, Outcome, Result, RetryAt, next_try
from pilotlight.delivery.waiting import Waiting
from pilotlight.observability import logs, trace

if TYPE_CHECKING:
    import random
    from concurrent.futures import Executor

    from pilotlight.contracts.job import Job
    from pilotlight.contracts.lifecycle import Move
    from pilotlight.delivery.signing import Signer
    from pilotlight.ports.clock import Clock
    from pilotlight.ports.http import Poster, Reply
    from pilotlight.ports.store import JobStore
    from pilotlight.settings import WebhookSettings

MAX_AT_ONCE: Final = 64
"""Postings at a time, to all hosts together."""
LOOK_S: Final = 1.0
"""Longest nap: a kick may be lost."""
_LEASE_MARGIN_S: Final = 15.0
_PAGE: Final = 100
_MAX_PAGES: Final = 100
_REMEMBERED: Final = 1000
_SHORTEST_NAP_S: Final = 0.005
_ROUNDS: Final = 8
"""Of refusals in a row while rows are called forward: each may be a request to a store."""


class Render(Protocol):
    def __call__(self, job: Job, *, thin: bool = False) -> bytes:
        """The body in the words of the job's origin; ``thin``: without the output itself."""
        ...


class Dispatcher:
    """Call it from one thread; :meth:`kick` from any. ``pool`` runs the postings; ``look_s`` is
    the longest :meth:`run` goes without looking at the rows."""

    def __init__(
        self,
        store: JobStore,
        poster: Poster,
        signer: Signer,
        render: Render,
        *,
        clock: Clock,
        settings: WebhookSettings,
        rng: random.Random,
        pool: Executor | None = None,
        look_s: float = LOOK_S,
    ) -> None:
        self._store = store
        self._poster = poster
        self._signer = signer
        self._render = render
        self._clock = clock
        self._settings = settings
        self._look_s = look_s
        self._rng = rng
        self._hosts = Hosts(settings)
        self._waiting = Waiting()
        self._receivers = Receivers(settings)
        self._remembers = False
        self._pool = pool or ThreadPoolExecutor(MAX_AT_ONCE, thread_name_prefix="webhook")
        self._in_flight = 0
        self._ended: queue.SimpleQueue[tuple[Posting, Future[Reply]]] = queue.SimpleQueue()
        self._unsettled: list[tuple[str, Move]] = []
        self._wake = threading.Event()

    def __call__(self, now: float) -> int:
        """Settle what has ended and post what is due; how many postings began.

        Never waits for a receiver: :meth:`finish` does.
        """
        if not self._remembers:
            self._remember(now)
        self._settle()
        begun = 0
        for _page in range(_MAX_PAGES):
            if self._in_flight >= MAX_AT_ONCE:
                break
            due = self._store.webhooks_due(now=now, limit=_PAGE)
            begun += self._begin(due, now)
            if len(due) < _PAGE:
                break
            self._settle()
        return begun

    def kick(self) -> None:
        """A webhook may have become due: look now."""
        self._wake.set()

    def run(self, stop: threading.Event) -> None:
        """Post until told to stop (kick after setting it), then finish what has begun."""
        while not stop.is_set():
            nap_s = self._look_s
            try:
                self(self._clock.now())
                nap_s = self._nap_s()
            except Exception:  # noqa: BLE001 - a store that hiccups must not end all webhooks
                logs.failure("webhook.dispatcher_failed")
            self._wake.wait(nap_s)
            self._wake.clear()
        self.close()

    def finish(self, timeout_s: float | None = None) -> bool:
        """Wait until nothing is under way and everything is settled; whether it is."""
        limit_s = self._lease_s if timeout_s is None else timeout_s
        ends = self._clock.monotonic() + limit_s
        self._settle()
        while self._in_flight and (left := ends - self._clock.monotonic()) > 0:
            self._wake.wait(left)
            self._wake.clear()
            self._settle()
        return self._in_flight == 0

    def close(self, timeout_s: float | None = None) -> None:
        """Finish; what does not end in time is posted again by whoever comes next."""
        self.finish(timeout_s)
        self._pool.shutdown(wait=False, cancel_futures=True)

    @property
    def _lease_s(self) -> float:
        return self._settings.timeout_s + _LEASE_MARGIN_S

    def _nap_s(self) -> float:
        due = self._store.next_webhook_due()
        if due is None or self._in_flight >= MAX_AT_ONCE:
            return self._look_s
        return min(max(due - self._clock.now(), _SHORTEST_NAP_S), self._look_s)

    def _begin(self, due: list[Job], now: float) -> int:
        taken: list[Posting] = []
        try:
            with self._store.together():
                for job in due:
                    if self._in_flight >= MAX_AT_ONCE:
                        break  # the rows stay due; the next posting that ends wakes us
                    self._take(job, now, taken)
        except BaseException:
            for posting in taken:
                self._in_flight -= 1
                self._hosts.given_back(posting.host)
            raise
        # Only now are the leases committed; nobody else posts these.
        for posting in taken:
            self._post(posting, now)
        return len(taken)

    def _take(self, job: Job, now: float, taken: list[Posting]) -> None:
        """Lease the row, or move it out of the way of others."""
        url = job.webhook or ""
        if self._receivers.disabled(url) and not _is_replayed(job):
            self._store.move(job.id, moves.settle_webhook(job, due_at=None, state="disabled"))
            return
        host = host_of(url)
        later = self._hosts.turn(host, now=now, free=MAX_AT_ONCE - self._in_flight)
        if later is not None:
            self._store.move(job.id, moves.settle_webhook(job, due_at=later, state=None))
            self._waiting.add(host, job, due_at=later)
            return
        self._waiting.drop(host, job.id)
        leased = None
        try:
            lease = moves.lease_webhook(job, now=now, lease_s=self._lease_s)
            leased = self._store.move(job.id, lease)
        finally:
            if leased is None:
                self._hosts.given_back(host)
        if leased is None:
            return
        self._in_flight += 1
        taken.append(Posting(leased, url, host, self._clock.monotonic()))

    def _remember(self, now: float) -> None:
        """What a dispatcher before this one knew: who wants no more, and what it put off."""
        for job in self._store.webhooks_due(now=now + MAX_TURN_S, limit=_REMEMBERED):
            if job.webhook_due is not None and job.webhook_due > now and not job.webhook_tries:
                # Not tried and not due: it waits for its host's turn, not for the schedule's.
                self._waiting.add(host_of(job.webhook or ""), job, due_at=job.webhook_due)
        self._receivers.remember(self._store.list_jobs(limit=_REMEMBERED, webhooks_only=True))
        self._remembers = True

    def _post(self, posting: Posting, now: float) -> None:
        try:
            announcement = self._announcement(posting)
            headers = self._signer.headers(announcement, now)
        except Exception as error:  # noqa: BLE001 - one origin's bug must not stop the others
            logs.failure("webhook.render_failed", job_id=posting.job.id)
            unsent: Future[Reply] = Future()
            unsent.set_exception(error)
            self._note(posting, unsent)
            return
        future = self._pool.submit(
            self._poster.post,
            posting.url,
            headers={
                "Content-Type": "application/json",
                trace.HEADER: trace.traceparent(trace.of(posting.job.id, posting.job.trace)),
                **headers,
            },
            body=announcement.body,
        )
        future.add_done_callback(partial(self._note, posting))

    def _announcement(self, posting: Posting) -> Announcement:
        job = posting.job
        body = self._render(job)
        if len(body) > MAX_BODY_BYTES:
            body = self._render(job, thin=True)
        return Announcement(
            id=announcement_id(job.id, job.status),
            request_id=job.id,
            url=posting.url,
            body=body,
            caller=job.caller,
        )

    def _note(self, posting: Posting, future: Future[Reply]) -> None:
        """In a pool thread: hand the result to the thread that owns the store."""
        self._ended.put((posting, future))
        self._wake.set()

    def _settle(self) -> None:
        """Write what became of the postings that have ended. Raises what the store raises: then
        all of it is written the next time, so that a hiccup posts nothing twice.
        """
        settled = self._unsettled
        well: set[str] = set()
        now = self._clock.now()
        while True:
            try:
                posting, future = self._ended.get_nowait()
            except queue.Empty:
                break
            self._in_flight -= 1
            outcome = self._judge(posting, result_of(posting, future), now)
            settled.append((posting.job.id, settling_move(posting.job, outcome)))
            if isinstance(outcome, Delivered):
                well.add(posting.host)
        if settled:
            # A refusal means that the row was replayed or leased again meanwhile: theirs now.
            with self._store.together():
                for job_id, move in settled:
                    self._store.move(job_id, move)
                for host in sorted(well):
                    self._call_forward(host, now)
            self._unsettled = []

    def _call_forward(self, host: str, now: float) -> None:
        """What has waited longest for a host that has just shown that it is there.

        A row that another dispatcher has posted meanwhile gives its place to the next one: else
        nobody would call the others, and they came by their turns alone.
        """
        room = self._hosts.room(host)
        for _ in range(_ROUNDS):
            rows = self._waiting.forward(host, room=room, now=now)
            for row in rows:
                hastened = moves.hasten_webhook(row.webhook_fence, now=now)
                room -= self._store.move(row.job_id, hastened) is not None
            if not rows or room <= 0:
                break
        if host not in self._waiting:
            self._hosts.caught_up(host)

    def _judge(self, posting: Posting, result: Result, now: float) -> Outcome:
        job, receivers = posting.job, self._receivers
        outcome = next_try(
            result, tries=job.webhook_tries, now=now, rng=self._rng, settings=self._settings
        )
        if isinstance(outcome, Delivered):
            receivers.succeeded(posting.url)
        elif receivers.failed(posting.url, now=now, gone=isinstance(outcome, Disable)):
            outcome = Disable()
        self._hosts.ended(
            posting.host,
            now=now,
            took_s=self._clock.monotonic() - posting.began,
            succeeded=result.succeeded or result.status == 410,
            throttle=isinstance(outcome, RetryAt) and outcome.throttle,
        )
        report(posting, result, outcome)
        return outcome


def _is_replayed(job: Job) -> bool:
    """Only a replay leaves a row without tries but with a fence that rose."""
    return job.webhook_tries == 0 and job.webhook_fence > 0
