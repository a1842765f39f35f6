"""Callers in a storm: they submit, submit again, cancel, read, and remember every answer.

What a job asks for follows from the seed and its number alone. A caller without an answer asks
again under the same idempotency key, as fal's clients do.
"""

from __future__ import annotations

import random
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.live import Answer, Live

ENDPOINT: Final = "chaos/gust"
_REPEATED, _CANCELLED, _READ, _FORGED = 0.1, 0.08, 0.15, 0.01
"""Shares of the jobs that are submitted twice, cancelled, read, submitted with another body."""
_AGAIN_S: Final = 0.1
_RECENT: Final = 200


@dataclass(frozen=True)
class Wish:
    """One job as its caller wants it."""

    number: int
    body: dict[str, Any]

    @property
    def text(self) -> str:
        return str(self.body["text"])

    @property
    def file_bytes(self) -> int:
        return int(self.body.get("file_bytes", 0))

    @property
    def key(self) -> str:
        return f"storm-{self.number}"


def wish(seed: int, number: int) -> Wish:
    rng = random.Random(f"job {seed} {number}")
    body: dict[str, Any] = {"text": f"job {number} of {seed}"}
    if rng.random() < 0.6:
        body["sleep_s"] = round(rng.choice((0.05, 0.1, 0.2, 0.5)) * rng.uniform(0.5, 1.5), 2)
    if rng.random() < 0.25:
        body["file_bytes"] = rng.randint(1, 60_000)
    return Wish(number, body)


@dataclass
class Told:
    """What the callers were told: the product has to be held to it."""

    acknowledged: dict[str, Wish] = field(default_factory=dict)
    """By request id."""
    ids_by_key: dict[str, set[str]] = field(default_factory=dict)
    cancelled: set[str] = field(default_factory=set)
    too_late: set[str] = field(default_factory=set)
    """Told that the job had ended before it could be cancelled."""
    results: dict[str, Any] = field(default_factory=dict)
    surprises: list[str] = field(default_factory=list)
    """Answers that nobody should ever get."""
    unanswered: int = 0

    def surprise(self, what: str, answer: Answer) -> None:
        self.surprises.append(f"{what}: {answer.status} {answer.body[:200]!r}")


class Callers:
    """``hook`` is where webhooks go; ``busy`` says that enough waits already."""

    def __init__(self, live: Live, seed: int, hook: str, *, busy: Callable[[], bool]) -> None:
        self._live, self._seed, self._hook, self._busy = live, seed, hook, busy
        self._lock = threading.Lock()
        self._recent: list[str] = []
        self.told = Told()
        self.stop = threading.Event()
        """No more jobs; those that were begun are finished."""
        self._threads: list[threading.Thread] = []
        self._failures: list[BaseException] = []

    def start(self, jobs: int, clients: int) -> None:
        numbers = iter(range(jobs))
        for client in range(clients):
            rng = random.Random(f"client {self._seed} {client}")
            thread = threading.Thread(target=self._live_on, args=(numbers, rng), daemon=True)
            self._threads.append(thread)
            thread.start()

    @property
    def done(self) -> bool:
        return not any(thread.is_alive() for thread in self._threads)

    def join(self) -> Told:
        for thread in self._threads:
            thread.join()
        if self._failures:
            raise self._failures[0]
        return self.told

    def _live_on(self, numbers: Iterator[int], rng: random.Random) -> None:
        try:
            while not self.stop.is_set():
                if self._busy():
                    self.stop.wait(_AGAIN_S)
                    continue
                with self._lock:
                    number = next(numbers, None)
                if number is None:
                    return
                self._one(wish(self._seed, number), rng)
        except BaseException as error:  # noqa: BLE001 - told to whoever joins
            self._failures.append(error)

    def _one(self, wanted: Wish, rng: random.Random) -> None:
        job_id = self._submit(wanted)
        if job_id and rng.random() < _REPEATED:
            self._submit(wanted)
        if job_id and rng.random() < _FORGED:
            self._forge(wanted)
        with self._lock:
            self._recent = self._recent[-_RECENT:]
            known = rng.choice(self._recent) if self._recent else None
        if known and rng.random() < _CANCELLED:
            self._cancel(known)
        if known and rng.random() < _READ:
            self._read(known)

    def _ask(self, method: str, path: str, body: Any = None, **headers: str) -> Answer | None:
        """None without an answer, or with none that says whether it was done."""
        try:
            answer = self._live.ask(method, path, body, **headers)
            if answer.status != 500:  # the defect of nobody but a full disk, in this storm
                return answer
        except (OSError, ValueError):  # refused, reset, or cut off in the middle
            pass
        with self._lock:
            self.told.unanswered += 1
        return None

    def _submit(self, wanted: Wish) -> str | None:
        path = f"/queue/{ENDPOINT}?fal_webhook={self._hook}"
        gives_up_at = time.monotonic() + 120
        while time.monotonic() < gives_up_at:
            answer = self._ask("POST", path, wanted.body, idempotency_key=wanted.key)
            if answer is None or answer.status in (429, 503):
                self.stop.wait(_AGAIN_S)
                continue
            with self._lock:
                if answer.status != 200:
                    self.told.surprise(f"submit of {wanted.key}", answer)
                    return None
                job_id = str(answer.json["request_id"])
                self.told.acknowledged[job_id] = wanted
                self.told.ids_by_key.setdefault(wanted.key, set()).add(job_id)
                self._recent.append(job_id)
            return job_id
        return None

    def _forge(self, wanted: Wish) -> None:
        body = {**wanted.body, "text": "another body under the same key"}
        answer = self._ask("POST", f"/queue/{ENDPOINT}", body, idempotency_key=wanted.key)
        if answer is not None and answer.status != 422:
            self.told.surprise(f"another body under {wanted.key}", answer)

    def _cancel(self, job_id: str) -> None:
        answer = self._ask("PUT", f"/queue/{ENDPOINT}/requests/{job_id}/cancel")
        if answer is None:
            return
        with self._lock:
            if answer.status == 202:
                self.told.cancelled.add(job_id)
            elif answer.status == 400 and answer.json["status"] == "ALREADY_COMPLETED":
                self.told.too_late.add(job_id)
            else:
                self.told.surprise(f"cancel of {job_id}", answer)

    def _read(self, job_id: str) -> None:
        answer = self._ask("GET", f"/queue/{ENDPOINT}/requests/{job_id}")
        if answer is None:
            return
        with self._lock:
            if answer.status == 200:
                self.told.results[job_id] = answer.json
            elif answer.status not in (400, 499, 503):  # still runs, was cancelled, failed
                self.told.surprise(f"result of {job_id}", answer)
