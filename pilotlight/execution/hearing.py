"""What the child says of the attempts in hand, and what follows from it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from pilotlight.contracts import events
from pilotlight.execution import outputs
from pilotlight.execution.attempt import HANDED_BACK, Stage, Succeeded
from pilotlight.execution.retry import Failure
from pilotlight.observability import logs

if TYPE_CHECKING:
    from pilotlight.contracts.events import Event
    from pilotlight.execution.attempt import Attempt
    from pilotlight.execution.slots import Slots
    from pilotlight.ports.clock import Clock

_LEVELS: Final = {"log": "info"}


class Hearing:
    """Nothing it hears is trusted: an attempt that is not in the child, or over, has no say."""

    def __init__(self, slots: Slots, *, worker: str, clock: Clock) -> None:
        self._slots, self._worker, self._clock = slots, worker, clock

    def heed(self, event: Event) -> None:
        """An event about a job; one that is not here any more is not listened to."""
        attempt = self._slots.find(getattr(event, "job_id", ""))
        if isinstance(event, events.Log) and attempt is None:
            self._overheard(event)
            return
        if attempt is None or not attempt.in_child:
            return
        match event:
            case events.Done():
                self._done(attempt, event)
            case events.Failed():
                self._failed(attempt, event)
            case events.HandedBack():
                self._handed_back(attempt)
            case _ if attempt.may_end:
                self._told(attempt, event)

    def printed(self, stream: str, line: str) -> None:
        """A line on the child's own descriptors: the only running job's, if there is one."""
        running = self._slots.in_child
        job_id = running[0].id if len(running) == 1 else ""
        self.heed(events.Log(job_id, stream, line))

    def _overheard(self, said: events.Log) -> None:
        """A line of no job that is here: told while the model loads, for what else could be amiss.

        Later it may quote a job's input, and the operator's log is not the caller's.
        """
        quotes = bool(said.job_id) or self._slots.has_run
        told = {"characters": len(said.line)} if quotes else {"line": said.line}
        facts: dict[str, object] = {"worker": self._worker, "stream": said.stream, **told}
        logs.event("child.output", level=logging.INFO, **facts)

    def _told(self, attempt: Attempt, event: Event) -> None:
        at, buffer = self._clock.now(), self._slots.buffer
        match event:
            case events.Progress(fraction=fraction, note=note) if 0 <= fraction <= 1:
                attempt.progress = fraction
                buffer.progress(attempt.id, fraction, note, at=at)
            case events.Log(stream=stream, line=line):
                buffer.line(attempt.id, line, level=_LEVELS.get(stream, stream), at=at)
            case events.Partial(output=output):
                buffer.partial(attempt.id, output, at=at)
            case events.Note(text=text):
                attempt.said = text
            case events.Checkpoint(path=path):
                self._slots.save(attempt, path)

    def _done(self, attempt: Attempt, event: events.Done) -> None:
        attempt.in_child = False
        self._slots.run_times.add(event.run_s)
        if not attempt.may_end:
            return
        if outputs.has_files(event.output):
            attempt.result, attempt.stage = event.output, Stage.STORING
        else:
            attempt.outcome = Succeeded(event.output)

    def _handed_back(self, attempt: Attempt) -> None:
        attempt.in_child = False
        if attempt.may_end:
            attempt.outcome = HANDED_BACK

    def _failed(self, attempt: Attempt, event: events.Failed) -> None:
        attempt.in_child = False
        if attempt.may_end:
            failure = Failure.from_event(
                event.error, retryable=event.retryable, retry_after_s=event.retry_after_s
            )
            self._slots.fail(attempt, failure)
