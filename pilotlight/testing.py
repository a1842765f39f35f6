"""Try a model without a queue: in this process, with the same Context as in production.

::

    output = run_once(FluxSchnell, {"prompt": "a lighthouse"}, folder=tmp_path)
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pilotlight.contracts.events import Checkpoint, Event, Log, Note, Partial, Progress, Run
from pilotlight.errors import InvalidInput
from pilotlight.execution import child_run
from pilotlight.execution.child_context import AttemptContext
from pilotlight.execution.file_urls import FILE_SCHEME, replace_files

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from pydantic import BaseModel

    from pilotlight.contracts.worker import Endpoint, Worker


def run_once(
    worker: type[Worker[Any, Any]] | Worker[Any, Any],
    job_input: BaseModel | Mapping[str, Any],
    *,
    folder: Path,
    endpoint: str | None = None,
    files: Mapping[str, Path] | None = None,
    low_memory: bool = False,
    hear: Callable[[Event], None] | None = None,
    checkpoint: Path | None = None,
) -> Any:
    """Load the worker, do one job, return its output; the files it made stay in ``folder``.

    Give an instance to load it yourself once and run it often. ``endpoint`` is needed when the
    worker serves several; ``files`` says where the input's media URLs lie; ``hear`` gets the
    progress and the log; ``checkpoint`` is what an earlier attempt saved. Raises what the worker
    raises, InvalidInput for a wrong input and WorkerError for a wrong output, or one with a file
    that is not in ``folder``.
    """
    return _run(
        worker,
        job_input,
        folder=folder,
        endpoint=endpoint,
        files=files,
        low_memory=low_memory,
        hear=hear or _ignore,
        streaming=False,
        checkpoint=checkpoint,
    )


def stream_once(
    worker: type[Worker[Any, Any]] | Worker[Any, Any],
    job_input: BaseModel | Mapping[str, Any],
    *,
    folder: Path,
    endpoint: str | None = None,
    files: Mapping[str, Path] | None = None,
) -> tuple[list[Any], Any]:
    """As :func:`run_once`, with somebody following: the partial outputs as JSON, and the output."""
    partials: list[Any] = []

    def hear(event: Event) -> None:
        if isinstance(event, Partial):
            partials.append(json.loads(event.output))

    output = _run(
        worker,
        job_input,
        folder=folder,
        endpoint=endpoint,
        files=files,
        low_memory=False,
        hear=hear,
        streaming=True,
    )
    return partials, output


def _run(
    worker: type[Worker[Any, Any]] | Worker[Any, Any],
    job_input: BaseModel | Mapping[str, Any],
    *,
    folder: Path,
    endpoint: str | None,
    files: Mapping[str, Path] | None,
    low_memory: bool,
    hear: Callable[[Event], None],
    streaming: bool,
    checkpoint: Path | None = None,
) -> Any:
    serving = child_run.endpoint_of(worker.spec, endpoint or worker.spec.endpoints[0].id)
    given = job_input if isinstance(job_input, dict) else _dumped(job_input)
    run = Run(
        job_id="once",
        fence=1,
        endpoint=serving.id,
        attempt=1,
        input=json.dumps(given),
        folder=str(folder),
        files={url: str(path) for url, path in (files or {}).items()},
        streaming=streaming,
        low_memory=low_memory,
        checkpoint=str(checkpoint or ""),
    )
    parsed = _parsed(serving, run.input)
    folder.mkdir(parents=True, exist_ok=True)
    loaded, loop = worker, child_run.LoopThread()
    if isinstance(loaded, type):
        loaded = loaded()
        child_run.load(loaded, loop)

    def told(event: Event) -> None:
        hear(event)
        if isinstance(event, Note):  # in production the replica answers once it is durable
            context.noted()
        elif isinstance(event, Checkpoint):  # it stays in the folder
            context.saved("")

    context = AttemptContext(run, told)
    text = child_run.perform(
        loaded,
        parsed,
        context,
        output=serving.output,
        loop=loop,
    )
    if FILE_SCHEME in text:  # a file outside of the folder would fail the job in production
        replace_files(json.loads(text), folder=folder, replace=lambda path, _around: str(path))
    return serving.output.model_validate_json(text)


def _parsed(serving: Endpoint, text: str) -> BaseModel:
    """Raises InvalidInput whose words name the fields: nothing else shows them here."""
    try:
        return child_run.parse_input(serving.input, text)
    except InvalidInput as error:
        fields = (
            f"{'.'.join(map(str, one.loc[1:])) or 'input'}: {one.message}" for one in error.problems
        )
        told = f"the input does not fit {serving.id}: {'; '.join(fields)}"
        raise InvalidInput(told, *error.problems) from None


def _dumped(job_input: BaseModel | Mapping[str, Any]) -> Any:
    from pydantic import BaseModel  # noqa: PLC0415 - only to tell the two apart

    if isinstance(job_input, BaseModel):
        return job_input.model_dump(mode="json", by_alias=True)
    return dict(job_input)


def _ignore(_event: Event) -> None:
    """Nobody listens."""


__all__ = ["Log", "Partial", "Progress", "run_once", "stream_once"]
