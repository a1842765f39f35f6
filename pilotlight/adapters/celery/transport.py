"""kombu 5.7.0's SQS transport, made fit for a consumer that nobody watches.

Stock kombu is alive but deaf after one failed poll, and takes six jobs a second. What is
overridden here is private to kombu, so celery and kombu are pinned to one release, and the tests
in ``tests/celery`` prove each part against a proxy that fails like SQS does.
"""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import BotoCoreError, ClientError
from kombu.transport import SQS, virtual

from pilotlight.observability import logs

if TYPE_CHECKING:
    from pilotlight.adapters.celery.tap import Tap

_FIRST_PAUSE_S: Final = 0.1
_MAX_PAUSE_S: Final = 5.0


class Channel(SQS.Channel):  # type: ignore[misc]
    """All of it runs on the hub's thread but ``_wake``. Without a tap, as in a sender, it is
    kombu's own.
    """

    _asleep_fds: tuple[int, int] | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._tap: Tap | None = self.transport_options.get("tap")
        self._fails = 0
        self._parked: set[str] = set()
        if self._tap is not None:
            self._tap.attach(self._wake)

    # 1. A poll that fails is a poll that failed. In stock kombu a 4xx or a garbled answer raises
    # inside the hub, and a 5xx arrives as a list where a dict is expected: either way the poll
    # loop is gone, or the worker, by chance.

    def asynsqs(self, queue: str | None = None) -> Any:
        connection = super().asynsqs(queue=queue)
        if "_on_list_ready" not in vars(connection):
            read = connection._on_list_ready  # noqa: SLF001

            def guarded(*args: Any) -> Any:
                try:
                    return read(*args)
                except Exception as error:  # noqa: BLE001 - kombu raises bare Exceptions here
                    logs.event(
                        "queue.receive_failed", level=logging.WARNING, error=str(error)[:200]
                    )
                    return []

            connection._on_list_ready = guarded  # noqa: SLF001
        return connection

    def _on_messages_ready(self, queue: str, qname: str, messages: Any) -> int:
        try:
            if not isinstance(messages, dict):
                self._fails += 1
                return 0
            self._fails = 0
            count: int = super()._on_messages_ready(queue, qname, messages)
            return count
        finally:
            if self._tap is not None:
                self._tap.poll_ended()

    def _get_async(self, queue: str, count: int = 1, callback: Any = None) -> Any:
        if self._tap is not None and not self._tap.poll_begins():
            return callback(0)
        try:
            return super()._get_async(queue, count, callback=callback)
        except BotoCoreError as error:  # no credentials just now: nothing was sent
            logs.event("queue.receive_failed", level=logging.WARNING, error=str(error)[:200])
            self._on_messages_ready("", queue, [])
            return callback(0)

    # 2. After a failure wait, longer each time; with nothing to want, park. Stock kombu asks the
    # hub again and again whether it may poll, and each time the hub sleeps first.

    def _may_poll(self) -> bool:
        return bool(self.qos.can_consume()) and (self._tap is None or self._tap.room > 0)

    def _get_message_estimate(self, max_if_unlimited: int = SQS.SQS_MAX_MESSAGES) -> int:
        most: int = super()._get_message_estimate(max_if_unlimited)
        return most if self._tap is None else min(most, self._tap.room)

    def _schedule_queue(self, queue: str) -> None:
        if self._may_poll():
            super()._schedule_queue(queue)
        elif queue in self._active_queues:
            self._parked.add(queue)

    def _loop1(self, queue: str, messages_fetched: Any = None) -> None:
        if self._fails and not messages_fetched:
            pause_s = min(_FIRST_PAUSE_S * 2 ** min(self._fails, 10), _MAX_PAUSE_S)
            self.hub.call_later(pause_s, self._schedule_queue, queue)
        else:
            self._schedule_queue(queue)

    def _unpark(self) -> None:
        while self._parked and not self.closed and self._may_poll():
            self._schedule_queue(self._parked.pop())

    def _wake(self) -> None:
        """From any thread: there is something to want again."""
        self.hub.call_soon(self._unpark)

    def basic_ack(self, delivery_tag: str, multiple: bool = False) -> None:  # noqa: FBT001 - kombu's
        virtual.Channel.basic_ack(self, delivery_tag, multiple)
        self._unpark()

    def basic_reject(self, delivery_tag: str, requeue: bool = False) -> None:  # noqa: FBT001 - kombu's
        virtual.Channel.basic_reject(self, delivery_tag, requeue)
        self._unpark()

    # 3. A hub that watches no descriptor sleeps for 0.1 s at a time and is deaf to its own wake-up
    # call. An idle end of a pipe is a descriptor.

    def basic_consume(self, *args: Any, **kwargs: Any) -> Any:
        if self.hub is not None and self._asleep_fds is None:
            self._asleep_fds = os.pipe()
            self.hub.add_reader(self._asleep_fds[0], os.read, self._asleep_fds[0], 1)
        return super().basic_consume(*args, **kwargs)

    def close(self) -> None:
        super().close()
        if self._asleep_fds is not None:
            reading, writing = self._asleep_fds
            self._asleep_fds = None
            self.hub.remove(reading)
            os.close(reading)
            os.close(writing)

    # 4. Only the replica settles a message (``basic_ack`` and ``basic_reject`` above send nothing):
    # stock kombu deletes one whose task failed, and hides one that it gives back for a while. What
    # no task has taken over goes back at once; what nobody can read is left to the redrive.

    def _restore(self, message: Any, *_unwanted: Any) -> None:
        info = message.delivery_info
        if info.get("settled"):
            return
        url = info["sqs_queue"]
        try:
            self.sqs(queue=url.rpartition("/")[2]).change_message_visibility(
                QueueUrl=url,
                ReceiptHandle=info["sqs_message"]["ReceiptHandle"],
                VisibilityTimeout=0,
            )
        except (ClientError, BotoCoreError) as error:  # it becomes visible by itself
            logs.event("queue.settle_failed", error=str(error)[:200])

    # 5. To leave, nothing is polled any more and the long poll under way is waited for, by
    # :meth:`.tap.Tap.drained`: aborting it leaves the message that it was about to bring hidden
    # until its visibility timeout is over.


class Transport(SQS.Transport):  # type: ignore[misc]
    Channel = Channel
    polling_interval = 0
