"""Every setting, grouped; those of mode ``aws``, of scaling and of upstreams are beside this.
Nothing else reads ``os.environ``.

Environment: ``PILOTLIGHT_`` and the path of the field, parts joined by two underscores, such as
``PILOTLIGHT_LEASE__LEASE_S=30``.
"""

from __future__ import annotations

import os
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal
from urllib.parse import urlsplit

from pydantic import (
    NonNegativeFloat,
    PositiveFloat,
    PositiveInt,
    SecretStr,
    ValidationError,
)

from pilotlight.settings.aws import AwsSettings, CostSettings, QueueSettings, WeightsSettings
from pilotlight.settings.group import Group
from pilotlight.settings.scaling import ScalingSettings
from pilotlight.settings.upstreams import KNOWN, UpstreamSettings

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pydantic_core import ErrorDetails

PREFIX: Final = "PILOTLIGHT_"
WHOLE: Final = "PILOTLIGHT_SETTINGS"
"""All settings as one JSON document: what a supervisor hands to its replicas. It stands alone."""


class IngressSettings(Group):
    host: str = "127.0.0.1"
    port: int = 8000
    """0 takes a free one."""
    tls_port: int | None = None
    """Where the same app also answers TLS; None leaves it out."""
    public_url: str | None = None
    """How callers see this ingress, when no request tells: ``https://gpu.example.org``."""
    max_body_bytes: PositiveInt = 20 * 1024 * 1024
    """Largest JSON body; larger inputs belong in an upload."""
    max_upload_bytes: PositiveInt = 5 * 1024**3
    sync_timeout_s: PositiveFloat = 900
    """Longest a synchronous call is held open."""
    metrics_token: SecretStr | None = None
    """What ``/metrics`` asks for as a bearer token. None: local mode tells this machine alone."""


class LeaseSettings(Group):
    lease_s: PositiveFloat = 60
    """How long a replica owns a job before another may take it."""
    beat_s: PositiveFloat = 15
    """Between two beats; each varies by a fifth."""
    margin_s: PositiveFloat = 10
    """The reaper waits this much longer: at least twice the clock skew."""
    storing_s: PositiveFloat = 300
    """Lease while outputs are stored."""


class JobSettings(Group):
    start_timeout_s: PositiveFloat = 6 * 3600
    """A job that has not started by then expires; callers may ask for less or more."""
    max_start_timeout_s: PositiveFloat = 14 * 24 * 3600
    max_attempts: PositiveInt = 4
    max_losses: PositiveInt = 3
    """The lost lease that reaches this number within 72 hours fails the job."""
    resend_s: PositiveFloat = 120
    """A queued job without a lease gets its message again after this (not in local mode)."""
    accept_s: PositiveFloat = 15
    """An accepted job without a message gets one after this (not in local mode)."""
    max_backlog: PositiveInt = 100_000
    """Jobs of one worker that may wait; more are refused."""
    retention_s: PositiveFloat = 30 * 24 * 3600
    """How long finished jobs are remembered."""


class QuotaSettings(Group):
    """For each caller; a key may say otherwise. None sets no limit: one's own machine needs none."""

    requests_per_s: PositiveFloat | None = None
    """Each ingress counts for itself."""
    burst: PositiveInt = 50
    """Requests a caller may make at once after a quiet time."""
    queued_jobs: PositiveInt | None = None
    """Jobs of one caller that may wait, in all queues together."""


class ReplicaSettings(Group):
    grace_s: PositiveFloat = 30
    """From SIGTERM to the end: what fits is finished, the rest handed back."""
    cancel_grace_s: PositiveFloat = 5
    """A cancelled run may stop by itself this long; then its child is killed."""
    tick_s: PositiveFloat = 1
    """How often an idle replica looks for work without being woken."""


class WebhookSettings(Group):
    connect_timeout_s: PositiveFloat = 5
    timeout_s: PositiveFloat = 15
    """From connect to the end of the answer's head."""
    schedule_s: tuple[NonNegativeFloat, ...] = (
        0, 5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400,
    )  # fmt: skip
    """Waits before each try: 75.6 hours in all, the example of Standard Webhooks."""
    jitter: NonNegativeFloat = 0.2
    max_retry_after_s: PositiveFloat = 3600
    per_host: PositiveInt = 10
    """Deliveries to one host at a time."""
    disable_after_s: PositiveFloat = 5 * 24 * 3600
    circuit_failures: PositiveInt = 20
    """Failures in a row after which a host is only probed."""
    circuit_probe_s: PositiveFloat = 300


class FetchSettings(Group):
    connect_timeout_s: PositiveFloat = 5
    first_byte_timeout_s: PositiveFloat = 10
    total_timeout_s: PositiveFloat = 60
    min_bytes_per_s: PositiveInt = 10_000
    """Slower than this after ten seconds is given up."""
    allow_plain_http: bool = True
    max_redirects: int = 3


class DropSettings(Group):
    """``drop/`` below the data folder: files that become jobs. Nothing is done while there is no
    such folder."""

    caller: str = "dev"
    """Whose jobs they are; ``dev`` is whom the development key stands for."""
    webhook: str | None = None
    """Told of each file's end; of a manifest's once."""
    settle_s: NonNegativeFloat = 2
    """A file is taken when it has not changed for so long."""


class PoolSettings(Group):
    """Hosts that several workers share: those that declare ``pool``."""

    memory_gib: PositiveFloat | None = None
    """Of the machine's memory, for models that are loaded; on a host without a GPU the one in use
    counts as well. None: half of the machine's."""


class RouteSettings(Group):
    """A worker put behind a public id, as ``[[route]]`` in the file of ``up --routes``."""

    endpoint: str
    """The public id: one of the catalogue, a worker's own, or any other."""
    worker: str
    target: str | None = None
    """Which of the worker's endpoints; None: the one of the same task type, else its first."""
    rename: dict[str, str] = {}
    """Fields by the caller's name, each with the worker's."""
    fixed: dict[str, Any] = {}
    """Values by the worker's names; callers cannot change them."""


class Settings(Group):
    mode: Literal["local", "aws"] = "local"
    stack: str | None = None
    """SSM parameter in which a deployed stack keeps its settings, for an operator's commands:
    ``PILOTLIGHT_STACK=/pilotlight/prod/settings pilotlight fleet``."""
    data: Path = Path(".pilotlight")
    """Local mode keeps everything here: the job table, files, keys, certificates. Mode ``aws``
    keeps scratch files and logs here."""
    workers: tuple[str, ...] = ("workers",)
    """Packages that hold worker files."""
    routes: tuple[RouteSettings, ...] = ()
    """Which worker serves an endpoint, where its declaration says otherwise or nothing."""
    upstreams: dict[str, UpstreamSettings] = {}
    """By the name that a relaying worker gives as its ``upstream``; ``fal`` and ``openai`` are
    known without, and wait for a key."""
    handlers: str = "handlers"
    """Package of the ways in."""
    allow_loopback: bool | None = None
    """Whether callers' webhooks and inputs may point at this machine, on any port: for local mode
    only. None: while nobody but this machine itself reaches the ingress."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    ingress: IngressSettings = IngressSettings()
    lease: LeaseSettings = LeaseSettings()
    job: JobSettings = JobSettings()
    quota: QuotaSettings = QuotaSettings()
    replica: ReplicaSettings = ReplicaSettings()
    scaling: ScalingSettings = ScalingSettings()
    drop: DropSettings = DropSettings()
    pools: dict[str, PoolSettings] = {}
    """By pool, such as ``{"a10g": {"memory_gib": 24}}``."""
    webhook: WebhookSettings = WebhookSettings()
    fetch: FetchSettings = FetchSettings()
    aws: AwsSettings = AwsSettings()
    queue: QueueSettings = QueueSettings()
    weights: WeightsSettings = WeightsSettings()
    costs: CostSettings = CostSettings()

    @property
    def reaches_itself(self) -> bool:
        """What ``allow_loopback`` comes to: services of this machine trust whoever is on it, and a
        caller from elsewhere is not."""
        aws_is_here = self.aws.emulated or is_here(
            urlsplit(self.aws.endpoint_url or "").hostname or ""
        )
        if self.allow_loopback is False or not (self.mode == "local" or aws_is_here):
            return False
        url = self.ingress.public_url
        hosts = [self.ingress.host, *([] if url is None else [urlsplit(url).hostname or ""])]
        return self.allow_loopback is True or all(map(is_here, hosts))


def is_here(host: str) -> bool:
    """Whether a host, by name or address, is this machine and nothing else."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def upstream(settings: Settings, name: str) -> UpstreamSettings | None:
    """None for a name that nobody gave an address."""
    return settings.upstreams.get(name) or KNOWN.get(name)


def upstream_key(one: UpstreamSettings) -> str | None:
    """The key itself: for the request that needs it and for nothing else."""
    return os.environ.get(one.key_env, "").strip() or None


def lacking(settings: Settings, name: str) -> str | None:
    """What has to be set before this upstream can be asked, in words; None when nothing is."""
    one = upstream(settings, name)
    if one is None:
        return f"name the address and the key of {name} in {PREFIX}UPSTREAMS"
    if one.key_env.startswith(PREFIX):
        return f"give {name} a key_env that does not begin with {PREFIX}: no replica inherits those"
    if upstream_key(one) is None:
        return f"set the environment variable {one.key_env} to your key for {name} ({one.url})"
    return None


def ready_upstreams(settings: Settings) -> list[str]:
    """Those that lack nothing."""
    names = {**KNOWN, **settings.upstreams}
    return [name for name in names if lacking(settings, name) is None]


def task_agent() -> tuple[str | None, str | None]:
    """What ECS tells each container of a task: where its agent is asked, and its metadata."""
    return os.environ.get("ECS_AGENT_URI"), os.environ.get("ECS_CONTAINER_METADATA_URI_V4")


def lambda_runtime() -> str | None:
    """Host and port of Lambda's Runtime API, inside a Lambda."""
    return os.environ.get("AWS_LAMBDA_RUNTIME_API")


class BadSettings(ValueError):
    """Settings that cannot be; the message names each and says what it should be."""


def load(**overrides: object) -> Settings:
    """Settings from the environment, with these on top, group by group. Raises BadSettings."""
    try:
        whole = os.environ.get(WHOLE)
        if whole is not None:
            return Settings.model_validate_json(whole).model_copy(update=overrides)
        given = _from_environment()
        for name, value in overrides.items():
            before = given.get(name)
            both = isinstance(before, dict) and isinstance(value, dict)
            given[name] = before | value if both else value  # type: ignore[operator]
        return Settings.model_validate(given)
    except ValidationError as error:
        raise BadSettings("\n".join(map(_in_words, error.errors()))) from None


def _in_words(item: ErrorDetails) -> str:
    variable = PREFIX + "__".join(str(part).upper() for part in item["loc"])
    if item["type"] == "extra_forbidden":
        return _unknown(variable)
    return f"{variable}: {item['msg']}, not {item['input']!r}"


def _unknown(variable: str) -> str:
    import difflib  # noqa: PLC0415 - only on the way to an error

    near = difflib.get_close_matches(variable, _variables(), n=1)
    return f"{variable}: there is no such setting" + (f"; did you mean {near[0]}?" if near else "")


def _variables() -> Iterator[str]:
    for name, field in Settings.model_fields.items():
        kind, variable = field.annotation, PREFIX + name.upper()
        if isinstance(kind, type) and issubclass(kind, Group):
            yield from (f"{variable}__{one.upper()}" for one in kind.model_fields)
        else:
            yield variable


def _of_no_group(names: Iterable[str]) -> Iterator[str]:
    """Variables of ours whose group does not exist: nobody else would say so."""
    for name in map(str.upper, names):
        group, nested, _ = name.removeprefix(PREFIX).lower().partition("__")
        if name.startswith(PREFIX) and nested and group not in Settings.model_fields:
            yield name


def _from_environment() -> dict[str, object]:
    # Loaded only here: a replica is handed its settings whole and is 4 MB smaller without it.
    from pydantic_settings import BaseSettings, SettingsConfigDict  # noqa: PLC0415
    from pydantic_settings.exceptions import SettingsError  # noqa: PLC0415

    class FromEnvironment(Settings, BaseSettings):
        model_config = SettingsConfigDict(
            env_prefix=PREFIX, env_nested_delimiter="__", frozen=True, extra="forbid"
        )

    if strangers := list(_of_no_group(os.environ)):
        raise BadSettings("\n".join(map(_unknown, strangers)))
    try:
        return FromEnvironment().model_dump(exclude_unset=True)
    except SettingsError as error:  # a list or a group that is not JSON
        raise BadSettings(f"{PREFIX}...: {error}; write it as JSON") from None
