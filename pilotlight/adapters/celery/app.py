"""The Celery app: one task, JSON only, and nothing that Celery cannot do well on SQS.

``celery -A pilotlight.adapters.celery.app worker -Q pilotlight-jobs-echo`` runs a replica of
``echo``: see :mod:`.worker`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from celery import Celery
from kombu import Exchange, Queue

from pilotlight.adapters.aws.queues import queue_name, queue_url
from pilotlight.adapters.aws.wire import TASK
from pilotlight.adapters.celery.transport import Transport

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pilotlight.adapters.celery.tap import Tap
    from pilotlight.settings import Settings

LONGEST_POLL_S = 20
"""Of SQS."""


def create_app(
    settings: Settings, workers: Iterable[str], *, tap: Tap | None = None, slots: int = 1
) -> Celery:
    """``tap`` is given where messages are consumed; ``workers`` are those whose queues it knows."""
    names = {queue_name(settings, worker): queue_url(settings, worker) for worker in workers}
    app = Celery("pilotlight", set_as_current=False)
    app.conf.update(
        broker_url=_broker_url(settings),
        broker_transport=Transport,
        broker_transport_options=_transport_options(settings, names, tap),
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        task_queues=[_queue(name) for name in names],
        task_create_missing_queues=False,
        task_default_queue=next(iter(names), "pilotlight"),
        task_serializer="json",
        accept_content=["json"],
        result_accept_content=["json"],
        task_ignore_result=True,
        task_store_errors_even_if_ignored=False,
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        task_publish_retry=False,  # a row that was not announced is due: upkeep sends it
        worker_pool="threads",
        worker_concurrency=slots,
        worker_prefetch_multiplier=1,
        worker_enable_remote_control=False,  # SQS has no fan-out: cancel is a row
        worker_send_task_events=False,
        worker_cancel_long_running_tasks_on_connection_loss=False,
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
    )
    _add_task(app, tap)
    return app


def _queue(name: str) -> Queue:
    return Queue(name, Exchange(name, type="direct"), routing_key=name)


def _broker_url(settings: Settings) -> str:
    if settings.aws.endpoint_url is None:
        return "sqs://"
    place = urlsplit(settings.aws.endpoint_url).netloc
    return f"sqs://{'emulated:emulated@' if settings.aws.emulated else ''}{place}"


def _transport_options(
    settings: Settings, names: dict[str, str], tap: Tap | None
) -> dict[str, Any]:
    options: dict[str, Any] = {
        "predefined_queues": {name: {"url": url} for name, url in names.items()},
        "wait_time_seconds": min(settings.queue.wait_s, LONGEST_POLL_S),
        "polling_interval": 0,  # a long poll that comes back is followed by the next at once
        "visibility_timeout": int(settings.queue.visibility_s),
        "client-config": {
            "connect_timeout": 2,
            "read_timeout": 5,
            "retries": {"total_max_attempts": 2},
        },
        "tap": tap,
    }
    if settings.aws.region is not None:
        options["region"] = settings.aws.region
    if settings.aws.endpoint_url is not None:
        options["is_secure"] = settings.aws.endpoint_url.startswith("https:")
    return options


def _add_task(app: Celery, tap: Tap | None) -> None:
    def run(task: Any, version: object, job_id: object) -> None:
        assert tap is not None
        tap.deliver(version, job_id, task.request.properties["delivery_info"])

    register: Callable[..., Any] = app.task(name=TASK, bind=True, shared=False)
    register(run)


def __getattr__(name: str) -> Any:
    """``app``, made when Celery's command line asks for it: only then are there settings."""
    if name != "app":
        raise AttributeError(name)
    from pilotlight.adapters.celery.worker import command_line_app  # noqa: PLC0415

    return command_line_app()
