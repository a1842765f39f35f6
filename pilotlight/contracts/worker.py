"""The author's side of the house: what a worker file declares.

A worker file must import in milliseconds: engines import torch and friends inside functions, so
that the ingress can read every contract without them.
"""

from __future__ import annotations

import abc
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Literal, NoReturn, Self, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveInt,
    model_validator,
)

from pilotlight.contracts.routes import Route
from pilotlight.errors import WorkerError

if TYPE_CHECKING:
    from pathlib import Path

InputT = TypeVar("InputT", bound=BaseModel)
OutputT = TypeVar("OutputT", bound=BaseModel)


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """A public id that callers use, with its contract."""

    id: str
    """``owner/name`` or deeper, as it stands in a URL."""
    task: str
    """Task type, such as ``fal/text-to-image``."""
    input: type[BaseModel]
    output: type[BaseModel]
    description: str = ""
    streams: bool = False
    """Partial outputs are worth following; any endpoint may be followed."""
    routed_only: bool = False
    """Nobody calls it by its id: it serves what routes lead to it."""


class WorkerSpec(BaseModel):
    """A worker's facts. Lengths in seconds."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9.-]{0,62}$")
    endpoints: tuple[Endpoint, ...] = Field(min_length=1)
    routes: tuple[Route, ...] = ()
    """Other public ids that it serves, by one of its own endpoints; settings may say otherwise."""
    upstream: str = ""
    """Who does the work, where it is not this machine: a name in the settings' ``upstreams``."""
    gpu_memory_gib: NonNegativeFloat
    """What the GPU must offer; 0 runs on the processor alone."""
    timeout_s: PositiveInt = 300
    """Longest run of one attempt, from lease to output."""
    load_timeout_s: PositiveInt = 900
    """Longest ``load``."""
    hang_timeout_s: PositiveInt = 60
    """The child answers a ping within this or is killed: it catches a stopped process."""
    memory_limit_gib: NonNegativeFloat = 0
    """Resident memory at which the child is killed; 0 sets no limit."""
    pool: str = Field(default="", pattern=r"^([a-z0-9][a-z0-9.-]{0,62})?$")
    """Pool of hosts that it shares with other workers; empty: replicas of its own."""
    model_gib: NonNegativeFloat = 0
    """What the loaded model takes of a pooled host's memory; 0: measured at its first load."""
    python: str = ""
    """Interpreter of its child, from the folder that holds ``workers``; empty: the replica's.
    For an engine whose libraries will not live beside the others'."""
    jobs_per_replica: PositiveInt = 1
    """Jobs one replica runs at a time: its slots."""
    min_replicas: NonNegativeInt = 0
    max_replicas: PositiveInt = 4
    keep_alive_s: NonNegativeFloat = 60
    """How long the last replica idles before it may go."""
    checkpoints: bool = False
    """Its jobs save what a later attempt goes on from (``context.save``), so one is looked for."""
    retries: dict[Literal["timeout", "server_error", "connection_error"], NonNegativeInt] = {}
    """Extra attempts by condition, instead of the deployment's; a caller may say otherwise."""
    weights: dict[str, str] = {}
    """Repositories of the Hugging Face hub that it loads, with the commit of each; an empty commit
    is whatever is newest when it is fetched, which ``pilotlight doctor`` says."""

    @model_validator(mode="after")
    def _one_interpreter(self) -> Self:
        if self.pool and self.python:
            raise ValueError("python: a pooled worker runs in its pool's interpreter")
        return self


class Context(abc.ABC):
    """What one attempt may use."""

    job_id: str
    endpoint: str
    attempt: int
    """1 for the first."""
    folder: Path
    """Scratch folder of this attempt: files named in the output must lie here."""
    streaming: bool
    """Somebody follows partial outputs live; when False, do not spend time on them."""
    low_memory: bool
    """The attempt before ran out of memory: offload, tile, slice."""
    called: str = ""
    """The id that the caller used; ``endpoint`` is the worker's own."""
    note: str = ""
    """What this attempt or an earlier one kept; empty for none."""
    checkpoint: Path | None = None
    """What an earlier attempt saved last; None for nothing, and unless ``spec.checkpoints``."""
    timeout_s: float | None = None
    """How long this attempt may run; None where nobody watches."""
    leaving: bool = False
    """This replica has to go soon (SIGTERM, a machine that is taken back): a long job saves what
    it has come to and calls :meth:`hand_back`. Look between two steps; most jobs need not."""
    over: bool = False
    """With ``cancelled``: the job has ended, so what it began elsewhere should end too. Else
    another attempt may go on with it."""

    def keep(self, note: str) -> None:
        """Have every later attempt of this job find ``note``; at most 4096 characters.

        It is durable once this returns. Raises Cancelled when the attempt has to stop: then it
        may not have been kept.
        """
        self.note = note

    def save(self, checkpoint: Path) -> None:
        """Have every later attempt of this job find this file as its ``checkpoint``.

        It lies in ``folder``, replaces what was saved before, whole or not at all, and is stored
        once this returns; where the blob store fails, the log says so and the job goes on. It is
        deleted when the job ends. For workers with ``spec.checkpoints``. Raises Cancelled when
        the attempt has to stop.
        """
        self.checkpoint = checkpoint

    def hand_back(self) -> NoReturn:
        """Stop here, so that another replica goes on from what was saved last; costs no attempt.

        Raises Cancelled, which ``run`` lets pass. Only while ``leaving``: else raises WorkerError.
        """
        raise WorkerError("hand_back: this replica is not leaving; look at context.leaving first")

    def wait(self, seconds: float) -> None:
        """Do nothing for so long. Raises Cancelled, then at once, when the job was cancelled."""
        threading.Event().wait(seconds)

    @abc.abstractmethod
    def progress(self, fraction: float, note: str = "") -> None:
        """Say how far the job is, 0 to 1. Raises Cancelled when the job was cancelled."""

    @abc.abstractmethod
    def partial(self, output: BaseModel) -> None:
        """Send a partial output; small files in it travel inline."""

    @abc.abstractmethod
    def log(self, message: str) -> None:
        """Write one line to the job's log; ``print`` does the same."""

    @abc.abstractmethod
    def input_file(self, url: str) -> Path:
        """The local copy of a media field. Raises InvalidInput when it is not one."""

    @property
    @abc.abstractmethod
    def cancelled(self) -> bool:
        """Whether to stop; ``progress`` raises by itself."""


class Worker(abc.ABC, Generic[InputT, OutputT]):
    """One model: its facts, how it loads, how it runs one job."""

    spec: ClassVar[WorkerSpec]

    def load(self) -> Any:
        """Read the weights. Called once per child process, before its first job.

        May be async: then it runs on the loop that runs the jobs.
        """

    @abc.abstractmethod
    def run(self, job_input: InputT, context: Context) -> Any:
        """Do one job: return the output, yield partial ones, or be async and do either.

        A generator's return value, else the last value it yields, is the output. Must be safe
        to call again with the same input.
        """

    def park(self) -> bool:
        """Move the weights to the machine's memory, so that another model may have the GPU.

        Only asked of pooled workers. False: this one cannot, so it is closed and loaded again.
        """
        return False

    def wake(self) -> None:
        """Move them back. Called before the next job of a worker that was parked."""

    @classmethod
    def let_go(cls, *, called: str, note: str) -> str:  # noqa: ARG003 - most begin nothing elsewhere
        """End what a job began elsewhere: it has ended while nobody ran it.

        ``called`` and ``note`` are as in its Context. Called in the ingress, on a worker that was
        not loaded; may block for seconds. What it returns goes to the job's log.
        """
        return ""

    def close(self) -> None:
        """Let go of what ``load`` took. Called when the child is asked to leave, not on a kill."""
