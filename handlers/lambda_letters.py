"""Dead letters as SQS hands them to a Lambda: what stays is named in the answer and comes again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pilotlight.adapters.aws import wire
from pilotlight.bootstrap.ingress import Services
from pilotlight.execution.dead_letters import Undertaker
from pilotlight.ports.queue import DeadLetter


class EventLetters:
    """The letters of one event; ``kept`` are the ids of those that nobody dropped."""

    def __init__(self, event: Mapping[str, Any]) -> None:
        self._letters = [_letter(record) for record in event["Records"]]
        self._kept = {letter.token: None for letter in self._letters}

    def receive(self, *, limit: int) -> list[DeadLetter]:
        found, self._letters = self._letters[:limit], self._letters[limit:]
        return found

    def drop(self, letter: DeadLetter) -> None:
        self._kept.pop(letter.token, None)

    @property
    def kept(self) -> list[str]:
        return list(self._kept)


def bury(services: Services, event: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
    """How many were settled, and SQS's partial batch response. Raises Unavailable."""
    letters = EventLetters(event)
    undertaker = Undertaker(
        letters,
        services.store,
        services.announcer,
        orphan_s=services.settings.queue.orphan_s,
    )
    undertaker(services.clock.now())
    failures = [{"itemIdentifier": one} for one in letters.kept]
    return len(event["Records"]) - len(failures), {"batchItemFailures": failures}


def _letter(record: Mapping[str, Any]) -> DeadLetter:
    try:
        job_id = wire.decode(record["body"]).job_id
    except wire.Unreadable:
        job_id = None
    attributes = record["attributes"]
    return DeadLetter(
        job_id,
        sent_at=int(attributes["SentTimestamp"]) / 1000,
        receives=int(attributes["ApproximateReceiveCount"]),
        token=record["messageId"],
    )
