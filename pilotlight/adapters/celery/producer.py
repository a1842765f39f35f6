"""Sending through Celery."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError
from celery.exceptions import QueueNotFound
from kombu.exceptions import KombuError

from pilotlight.adapters.aws import wire
from pilotlight.adapters.aws.queues import queue_name
from pilotlight.adapters.celery.app import create_app
from pilotlight.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pilotlight.contracts.message import JobMessage
    from pilotlight.settings import Settings


class CelerySender:
    """Any thread may send."""

    rides_on_store = False

    def __init__(self, settings: Settings, workers: Iterable[str]) -> None:
        self._settings = settings
        self._app = create_app(settings, workers)

    def send(self, message: JobMessage) -> None:
        try:
            self._app.send_task(
                wire.TASK,
                args=wire.arguments(message),
                queue=queue_name(self._settings, message.worker),
                ignore_result=True,
                headers=wire.traced(message),
                **wire.fair_group(message),
            )
        except (ClientError, BotoCoreError, KombuError, OSError) as error:
            raise Unavailable(f"SQS: {error}") from error
        except QueueNotFound:  # the worker was deployed when the job came, and is no more
            raise Unavailable(f"there is no queue for {message.worker}") from None

    def poke(self, worker: str, *job_ids: str) -> None:
        """Nothing to do: a replica sees at its next beat that a row is not its own any more."""

    def close(self) -> None:
        self._app.close()
