"""AWS mode: DynamoDB, S3, and SQS through Celery.

Only imported in that mode: boto3, celery and kombu are not for local mode to load.
"""

from __future__ import annotations

import contextlib
import itertools
import secrets as chance
from typing import TYPE_CHECKING

from pilotlight import catalogue
from pilotlight.adapters.aws.agents import DynamoAgents
from pilotlight.adapters.aws.blobs import S3Blobs
from pilotlight.adapters.aws.calls import Calls
from pilotlight.adapters.aws.clients import Clients
from pilotlight.adapters.aws.dead_letters import SqsDeadLetters
from pilotlight.adapters.aws.drop import DynamoDropLedger, S3DropFolder
from pilotlight.adapters.aws.emulator import emulated
from pilotlight.adapters.aws.ends import DynamoEnds
from pilotlight.adapters.aws.feed import DynamoFeed
from pilotlight.adapters.aws.files import DynamoFiles
from pilotlight.adapters.aws.glance import Glance
from pilotlight.adapters.aws.groups import DynamoGroups
from pilotlight.adapters.aws.hints import Hints
from pilotlight.adapters.aws.keys import DynamoKeys
from pilotlight.adapters.aws.kick import Kick
from pilotlight.adapters.aws.learned import DynamoLearned
from pilotlight.adapters.aws.objects import Bucket
from pilotlight.adapters.aws.pulse import Pulse
from pilotlight.adapters.aws.queues import dead_letter_url, queue_url
from pilotlight.adapters.aws.receipts import Receipts
from pilotlight.adapters.aws.secrets import DynamoSecrets
from pilotlight.adapters.aws.sqs import SqsReceiver, SqsSender
from pilotlight.adapters.aws.stack import settings_of
from pilotlight.adapters.aws.store import DynamoStore
from pilotlight.adapters.aws.texts import LongTexts
from pilotlight.adapters.aws.turn import ScalerTurn
from pilotlight.adapters.aws.watch import PollingWatch
from pilotlight.adapters.local.clock import SystemClock
from pilotlight.bootstrap import aws_fleet, letting_go, pools
from pilotlight.bootstrap.parts import IngressParts
from pilotlight.bootstrap.replicas import assemble
from pilotlight.contracts.pools import Pools, merged
from pilotlight.errors import SettingsError
from pilotlight.execution.replica import ReplicaPorts

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from types_boto3_sqs import SQSClient

    from pilotlight.adapters.celery.producer import CelerySender
    from pilotlight.adapters.celery.receiver import CeleryReceiver
    from pilotlight.contracts.worker import WorkerSpec
    from pilotlight.execution.replica import Replica
    from pilotlight.ports.clock import Clock
    from pilotlight.ports.queue import QueueReceiver
    from pilotlight.settings import Settings


def pointed(settings: Settings) -> Settings:
    """Those of the stack that they name. Raises SettingsError."""
    aws = settings.aws
    clients = Clients(region=aws.region, endpoint_url=aws.endpoint_url, emulated=aws.emulated)
    try:
        return settings_of(clients, settings.stack or "", settings)
    finally:
        clients.close()


def is_there(_settings: Settings) -> bool:
    """What the settings name was made by whoever deployed it."""
    return True


@contextlib.contextmanager
def surroundings(settings: Settings) -> Iterator[Settings]:
    """Starts an emulator when the settings ask for one and name none."""
    if not settings.aws.emulated or settings.aws.endpoint_url is not None:
        yield settings
        return
    workers = catalogue.discover(settings.workers).workers
    with emulated(settings, workers, SystemClock()) as pointed:
        yield pointed


def _checked(settings: Settings) -> Settings:
    if not settings.aws.queue_url:
        raise SettingsError("mode aws needs aws.queue_url: set PILOTLIGHT_AWS__QUEUE_URL")
    if settings.queue.visibility_s <= settings.lease.lease_s:
        raise SettingsError(
            "queue.visibility_s must be longer than lease.lease_s, or a message comes again "
            "while its job is still leased"
        )
    return settings


class _Account:
    """What ingress and replicas have in common."""

    def __init__(self, settings: Settings, workers: tuple[str, ...], clock: Clock) -> None:
        aws = _checked(settings).aws
        self.clients = Clients(
            region=aws.region, endpoint_url=aws.endpoint_url, emulated=aws.emulated
        )
        calls = self.calls = Calls(self.clients.dynamodb(), clock)
        bucket = Bucket(self.clients.s3(), aws.bucket)
        texts = LongTexts(bucket)
        self.texts = texts
        self.store = DynamoStore(calls, aws.jobs_table, texts, workers=workers)
        self.groups = DynamoGroups(calls, aws.jobs_table, texts)
        self.feed = DynamoFeed(calls, aws.jobs_table, texts)
        self.keys = DynamoKeys(calls, aws.jobs_table)
        self.files = DynamoFiles(calls, aws.jobs_table)
        self.secrets = DynamoSecrets(calls, aws.secrets_table)
        self.register = aws_fleet.register(settings, calls)
        self.learned = DynamoLearned(calls, aws.jobs_table, workers=workers)
        grants = self.secrets.get_or_create("file-grants", _secret)
        self.blobs = S3Blobs(bucket, secret=grants, clock=clock, direct=aws.direct_files)


def _secret() -> bytes:
    return chance.token_bytes(32)


def parts(settings: Settings, specs: Mapping[str, WorkerSpec], clock: Clock) -> IngressParts:
    """Raises SettingsError for settings that cannot work."""
    account = _Account(settings, (*specs, *Pools(specs).members), clock)
    aws, calls, clients = settings.aws, account.calls, account.clients
    watch = PollingWatch()
    fleet = aws_fleet.fleet(settings, clients, account.register, specs, clock)
    sqs = account.clients.sqs()
    sender = _sender(settings, sqs, specs)

    def close() -> None:
        sender.close()
        account.clients.close()

    return IngressParts(
        store=account.store,
        groups=account.groups,
        agents=DynamoAgents(account.calls, settings.aws.jobs_table),
        queue=sender,
        blobs=account.blobs,
        feed=account.feed,
        watch=watch,
        announcer=watch,
        fleet=fleet,
        glance=Glance(fleet, clock),
        overrules=aws_fleet.overrules(settings, clients, specs),
        lighter=_kick(settings, clients, clock),
        turn=ScalerTurn(calls, aws.jobs_table, clock),
        keys=account.keys,
        files=account.files,
        secrets=account.secrets,
        texts=account.texts,
        learned=account.learned,
        ends=DynamoEnds(calls, aws.jobs_table, workers=tuple(specs), clock=clock),
        drop=_drop(account, aws.drop_bucket, aws.jobs_table),
        dead_letters=SqsDeadLetters(sqs, [dead_letter_url(settings, name) for name in specs]),
        close=close,
    )


def _drop(
    account: _Account, bucket: str, table: str
) -> tuple[S3DropFolder, DynamoDropLedger] | None:
    if not bucket:
        return None
    folder = S3DropFolder(Bucket(account.clients.s3(), bucket))
    return folder, DynamoDropLedger(account.calls, table)


def _sender(
    settings: Settings, sqs: SQSClient, specs: Mapping[str, WorkerSpec]
) -> CelerySender | SqsSender:
    """Celery is imported where it is asked for: a tenth of a second that a Lambda starts sooner."""
    if settings.queue.consumer == "loop":
        return SqsSender(sqs, settings)
    from pilotlight.adapters.celery.producer import CelerySender  # noqa: PLC0415

    return CelerySender(settings, specs)


def _kick(settings: Settings, clients: Clients, clock: Clock) -> Kick | None:
    function = settings.aws.kick_function
    return Kick(clients.control("lambda"), function, clock) if function else None


def replica(
    settings: Settings, spec: WorkerSpec, replica_id: str | None, *, supervisor_fd: int | None
) -> Replica:
    settings, clock = _prompt(settings), SystemClock()
    account = _Account(settings, (spec.name,), clock)
    enrolment = aws_fleet.Enrolment(settings, account.clients, account.calls, clock)
    if supervisor_fd is None or replica_id is None:
        replica_id = enrolment.enrolled(account.register, spec, replica_id)
    receiver = _receiver(settings, spec, account, clock)
    ports = _ports(settings, account, enrolment, receiver, clock)
    made = assemble(replica_id, spec, ports, supervisor_fd=supervisor_fd)
    receiver.pulse.on_death = made.stop
    return made


def pooled_replica(
    settings: Settings,
    pool: str,
    members: Sequence[WorkerSpec],
    replica_id: str | None,
    *,
    supervisor_fd: int | None,
) -> Replica:
    """Every member's queue has its own long poll; boto3's loop, since Celery is one to a process."""
    settings, clock, spec = _prompt(settings), SystemClock(), merged(pool, tuple(members))
    account = _Account(settings, tuple(member.name for member in members), clock)
    enrolment = aws_fleet.Enrolment(settings, account.clients, account.calls, clock)
    if supervisor_fd is None or replica_id is None:
        replica_id = enrolment.enrolled(account.register, spec, replica_id)
    looping = settings.queue.model_copy(update={"consumer": "loop"})
    each = settings.model_copy(update={"queue": looping})
    receivers = {one.name: _receiver(each, one, account, clock) for one in members}
    arrivals = itertools.count()
    queue = pools.queue_of(
        settings,
        pool,
        members,
        receivers,
        rank=lambda _job_id: (0, next(arrivals)),
        clock=clock,
        holds=True,
    )
    ports = _ports(settings, account, enrolment, queue, clock)
    made = pools.assemble(replica_id, pool, members, ports, queue, supervisor_fd=supervisor_fd)
    for receiver in receivers.values():
        receiver.pulse.on_death = made.stop
    return made


def _ports(
    settings: Settings,
    account: _Account,
    enrolment: aws_fleet.Enrolment,
    queue: QueueReceiver,
    clock: Clock,
) -> ReplicaPorts:
    return ReplicaPorts(
        store=account.store,
        queue=queue,
        feed=account.feed,
        blobs=account.blobs,
        roster=enrolment.roster(),
        announcer=PollingWatch(),
        clock=clock,
        settings=settings,
        let_go=letting_go.by_name(settings.workers, account.feed, clock),
    )


def _prompt(settings: Settings) -> Settings:
    """A cancel is seen at the next beat, so that beats may not be far apart."""
    beat_s = min(settings.lease.beat_s, settings.queue.longest_beat_s)
    lease = settings.lease.model_copy(update={"beat_s": beat_s})
    return settings.model_copy(update={"lease": lease})


def _receiver(
    settings: Settings, spec: WorkerSpec, account: _Account, clock: Clock
) -> CeleryReceiver | SqsReceiver:
    clients = account.clients
    queue, slots = settings.queue, spec.jobs_per_replica
    url = queue_url(settings, spec.name)
    receipts = Receipts(clients.sqs(), url)
    skew = account.calls.skew
    hints = Hints(
        receipts,
        clock,
        slots=slots,
        visibility_s=queue.visibility_s,
        may_lease=lambda: skew.is_bearable,
    )
    pulse = Pulse(clock, patience_s=_DEAF_POLLS * queue.wait_s + _DEAF_S)
    if queue.consumer == "celery":
        from pilotlight.adapters.celery.receiver import CeleryReceiver  # noqa: PLC0415 - as above

        return CeleryReceiver(settings, spec.name, hints=hints, pulse=pulse, slots=slots)
    client = clients.sqs(wait_s=queue.wait_s)
    return SqsReceiver(client, url, hints=hints, pulse=pulse, wait_s=queue.wait_s)


_DEAF_POLLS = 3
_DEAF_S = 30
"""A consumer from which no poll came back for three long polls and this is not going to."""
