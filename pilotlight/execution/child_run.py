"""Do one job with a loaded worker, whatever kind of function its ``run`` is."""

from __future__ import annotations

import errno
import os
import select
import threading
from collections.abc import AsyncIterator, Coroutine, Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pydantic import BaseModel, ValidationError
from pydantic_core import PydanticSerializationError, to_json

from pilotlight.contracts.job import JobError
from pilotlight.errors import (
    Cancelled,
    InvalidInput,
    OutOfMemory,
    PilotlightError,
    Problem,
    ReplicaFailure,
    UnknownEndpoint,
    WorkerError,
)
from pilotlight.execution.child_logs import authors
from pilotlight.execution.retry import GPU_ERROR, Failure

if TYPE_CHECKING:
    import asyncio
    from concurrent.futures import Future

    from pilotlight.contracts.worker import Endpoint, Worker, WorkerSpec
    from pilotlight.execution.child_context import AttemptContext

MAX_OUTPUT_CHARS: Final = 16 * 1024 * 1024
"""Longest output as JSON text; larger results belong into files."""
MAX_MESSAGE_CHARS: Final = 2_000
"""Longest error message the row keeps (reliability, section 2.1: 2 KB)."""
_STICKY: Final = (
    "illegal memory access",
    "device-side assert",
    "unspecified launch failure",
    "misaligned address",
    "illegal instruction",
    "hardware stack error",
    "launch timed out",
    "uncorrectable ecc",
    "no cuda-capable device",
    "no cuda gpus are available",
    "busy or unavailable",
)
"""CUDA errors after which every later call of the process fails too (CUDA runtime API,
``cudaErrorIllegalAddress`` and its neighbours: "the process must be terminated and relaunched"),
and those of a GPU that is gone (``cudaErrorNoDevice``, ``cudaErrorDevicesUnavailable``)."""

_NOT_IN_JSON: Final = "; NaN and infinity are no numbers in JSON"
_OUT_OF_MEMORY: Final = (
    "cuda out of memory",
    "cuda error: out of memory",
    "cuda failed with error out of memory",  # CTranslate2
    "cuda failure 2: out of memory",  # ONNX Runtime
    "cublas_status_alloc_failed",
    "cudnn_status_alloc_failed",
)
"""A GPU's, where the kind of error does not say so already."""
_DISK_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
"""The machine's fault, not the job's: there may be room later, or elsewhere."""
_DISK_FULL_IN_RUST: Final = tuple(f"(os error {number})" for number in sorted(_DISK_FULL))
"""How Rust's libraries, safetensors among them, say so: their errors have no ``errno``."""


class LoopThread:
    """One asyncio loop for all coroutines of the worker, started when the first one comes."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None

    def submit(self, coroutine: Coroutine[Any, Any, Any]) -> Future[Any]:
        import asyncio  # noqa: PLC0415 - 7 MB that a synchronous worker never needs

        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                threading.Thread(
                    target=self._loop.run_forever, name="coroutines", daemon=True
                ).start()
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop)


def endpoint_of(spec: WorkerSpec, endpoint_id: str) -> Endpoint:
    """Raises UnknownEndpoint."""
    for endpoint in spec.endpoints:
        if endpoint.id == endpoint_id:
            return endpoint
    raise UnknownEndpoint(f"the worker {spec.name} does not serve {endpoint_id}")


def parse_input(model: type[BaseModel], text: str) -> BaseModel:
    """Raises InvalidInput naming the fields: the contract may have changed since the submit."""
    try:
        return model.model_validate_json(text)
    except ValidationError as error:
        problems = tuple(
            Problem(("body", *found["loc"]), found["msg"], found["type"])
            for found in error.errors(include_url=False, include_context=False)
        )
        raise InvalidInput("the input does not fit the endpoint's contract", *problems) from None


def perform(
    worker: Worker[Any, Any],
    job_input: BaseModel,
    context: AttemptContext,
    *,
    output: type[BaseModel],
    loop: LoopThread,
) -> str:
    """Run the job and return its output as JSON text.

    Raises whatever the worker raises, Cancelled between two yields, and WorkerError for an
    output that does not fit the contract.
    """
    returned = worker.run(job_input, context)
    if isinstance(returned, Generator):
        returned = _drained(returned, context)
    elif isinstance(returned, AsyncIterator):
        returned = _awaited(_drained_async(returned, context), context, loop)
    elif isinstance(returned, Coroutine):
        returned = _awaited(returned, context, loop)
    return _checked(returned, output)


def outlive_nobody() -> None:
    """From now on this process ends with its parent, where the system can tell of that (Linux).

    Not by the parent-death signal: that comes with the end of the thread that started us.
    """
    if not hasattr(os, "pidfd_open"):
        return
    parent = os.getppid()
    if parent == 1:
        os._exit(1)  # it has died already
    death = os.pidfd_open(parent)

    def watch() -> None:
        select.select([death], [], [])
        os._exit(1)

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()


def load(worker: Worker[Any, Any], loop: LoopThread) -> None:
    """Have it read its weights; raises whatever it raises."""
    loading = worker.load()
    if isinstance(loading, Coroutine):
        loop.submit(loading).result()


def _drained(values: Generator[Any, None, Any], context: AttemptContext) -> Any:
    last = None
    try:
        while True:
            last = next(values)
            context.partial(last)
    except StopIteration as end:
        return last if end.value is None else end.value
    finally:
        values.close()


async def _drained_async(values: AsyncIterator[Any], context: AttemptContext) -> Any:
    last = None
    async for last in values:
        context.partial(last)
    return last


def _awaited(coroutine: Coroutine[Any, Any, Any], context: AttemptContext, loop: LoopThread) -> Any:
    from concurrent.futures import CancelledError  # noqa: PLC0415 - as asyncio: only when needed

    running = loop.submit(coroutine)
    context.on_cancel(running.cancel)
    try:
        return running.result()
    except CancelledError:
        raise Cancelled("the job was cancelled while it ran") from None


def _checked(returned: Any, output: type[BaseModel]) -> str:
    if not isinstance(returned, output):
        given = returned.model_dump() if isinstance(returned, BaseModel) else returned
        try:
            returned = output.model_validate(given)
        except ValidationError as error:
            raise WrongOutput(_complaint(returned, output, error)) from None
    try:
        text: str = returned.model_dump_json(by_alias=True)
    except PydanticSerializationError as error:
        words = f"the worker's output cannot be written as JSON: {error}; NumPy's have .tolist()"
        raise WrongOutput(words) from None
    if "null" in text and _has_nan(returned):  # written as null, where the contract may have none
        try:
            output.model_validate_json(text)
        except ValidationError as error:
            raise WrongOutput(_complaint(returned, output, error) + _NOT_IN_JSON) from None
    if len(text) > MAX_OUTPUT_CHARS:
        raise WrongOutput(
            f"the output is {len(text)} characters long; more than {MAX_OUTPUT_CHARS} belong "
            "into a file in context.folder"
        )
    return text


def _has_nan(returned: BaseModel) -> bool:
    told = to_json(returned.model_dump(), inf_nan_mode="constants", fallback=str)
    return b"NaN" in told or b"Infinity" in told


class WrongOutput(WorkerError):
    code = "wrong_output"


def _complaint(returned: Any, output: type[BaseModel], error: ValidationError) -> str:
    if returned is None:
        return f"the worker returned nothing: its run must `return {output.__name__}(...)`"
    if not isinstance(returned, (BaseModel, dict)):
        return f"the worker returned {type(returned).__name__} instead of {output.__name__}"
    first = error.errors(include_url=False)[0]
    field = ".".join(str(part) for part in first["loc"]) or output.__name__
    return f"the worker's output does not fit its contract: {field}: {first['msg']}"


def why_not_loaded(error: BaseException) -> str:
    """For the owner and for whoever waits: the error, and the author's line that it came from."""
    if isinstance(error, PilotlightError):
        return str(error)[:MAX_MESSAGE_CHARS]
    told = f"{type(error).__name__}: {error}"
    if (at := authors(error)) is not None:
        told += f" ({Path(at.tb_frame.f_code.co_filename).name}, line {at.tb_lineno})"
    if isinstance(error, ModuleNotFoundError) and error.name:
        told += f"; pip install {error.name.partition('.')[0]}?"
    return told[:MAX_MESSAGE_CHARS]


def failure_of(error: BaseException) -> tuple[Failure, bool]:
    """What to tell the parent about an exception, and whether this process is of no more use.

    Only the exception's own text goes to the caller; GPU libraries are known by the names of
    their errors, so that this needs none of them.
    """
    text = str(error)[:MAX_MESSAGE_CHARS]
    if isinstance(error, PilotlightError):
        failure = Failure.of(error)
        short = JobError(
            failure.error.code, text, failure.error.http_status, failure.error.problems
        )
        spent = isinstance(error, ReplicaFailure)
        return Failure(short, failure.retryable, failure.retry_after_s), spent
    lowered = text.lower()
    if _is_out_of_memory(error, lowered):
        return Failure.of(OutOfMemory(text or "out of memory")), False
    if _is_of_a_full_disk(error, text):
        return Failure.of(
            ReplicaFailure(f"the disk of the worker's machine is full: {text}")
        ), False
    if "cuda" in lowered and any(words in lowered for words in _STICKY):
        return Failure(JobError(GPU_ERROR, text), retryable=True), True
    message = f"{type(error).__name__}: {text}" if text else type(error).__name__
    return Failure(JobError(WorkerError.code, message[:MAX_MESSAGE_CHARS])), False


def _is_of_a_full_disk(error: BaseException, text: str) -> bool:
    told = isinstance(error, OSError) and error.errno in _DISK_FULL
    return told or any(words in text for words in _DISK_FULL_IN_RUST)


def _is_out_of_memory(error: BaseException, lowered: str) -> bool:
    named = any(kind.__name__ == "OutOfMemoryError" for kind in type(error).__mro__)
    said = any(words in lowered for words in _OUT_OF_MEMORY)
    return named or said or isinstance(error, MemoryError)
