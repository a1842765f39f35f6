"""Each method as a request to make and a reading of its answer: the same for both clients."""

from __future__ import annotations

import json
import mimetypes
import uuid
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar
from urllib.parse import quote

from pilotlight.client.shapes import Endpoint, Event, FileInfo, JobInfo, Page

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

T = TypeVar("T")

MOST_WAIT_S: Final = 30.0
"""One request is held back no longer: proxies in between cut off what is silent for a minute."""


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """One request; ``read`` makes the value of its JSON. It may be sent more than once."""

    method: str
    path: str
    read: Callable[[Any], T]
    params: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    """JSON."""
    file: Path | bytes | None = None
    """Bytes, instead of a body of JSON."""
    waits_s: float = 0.0
    """How long the server may hold the answer back."""


def submit(
    endpoint: str, job_input: Mapping[str, Any], options: Mapping[str, Any]
) -> Call[JobInfo]:
    """The key is the caller's, or one of our own: a submit that is sent twice makes one job."""
    wish = {name: value for name, value in options.items() if value is not None}
    if "tags" in wish:
        wish["tags"] = [{"key": key, "value": value} for key, value in wish["tags"].items()]
    wish.setdefault("idempotency_key", f"client-{uuid.uuid4()}")
    body = {"endpoint": endpoint, "input": dict(job_input), **wish}
    return Call("POST", "/api/jobs", JobInfo.read, body=body)


def look(job_id: str, *, wait_s: float = 0.0) -> Call[JobInfo]:
    held = min(wait_s, MOST_WAIT_S)
    return Call(
        "GET", job(job_id), JobInfo.read, params={"wait": held} if held else {}, waits_s=held
    )


def cancel(job_id: str) -> Call[JobInfo]:
    return Call("POST", job(job_id, "/cancel"), JobInfo.read)


def retry(job_id: str) -> Call[JobInfo]:
    headers = {"idempotency-key": f"client-{uuid.uuid4()}"}
    return Call("POST", job(job_id, "/retry"), JobInfo.read, headers=headers)


def jobs(filters: Mapping[str, Any]) -> Call[Page[JobInfo]]:
    params: dict[str, Any] = {}
    for name, value in filters.items():
        if isinstance(value, datetime):
            params[name] = value.timestamp()
        elif name == "tags" and value:
            params["tag"] = [f"{key}={one}" for key, one in value.items()]
        elif name == "status" and value:
            params[name] = value if isinstance(value, str) else ",".join(value)
        elif value is not None:
            params[name] = value

    def read(said: Any) -> Page[JobInfo]:
        return Page([JobInfo.read(one) for one in said["jobs"]], said["next_cursor"])

    return Call("GET", "/api/jobs", read, params=params)


def endpoints(filters: Mapping[str, Any]) -> Call[list[Endpoint]]:
    def read(said: Any) -> list[Endpoint]:
        return [Endpoint.read(one) for one in said["endpoints"]]

    params = {name: value for name, value in filters.items() if value is not None}
    return Call("GET", "/api/endpoints", read, params=params)


def endpoint(endpoint_id: str) -> Call[Endpoint]:
    return Call("GET", f"/api/endpoints/{quote(endpoint_id)}", Endpoint.read)


def upload(
    source: Path | bytes, name: str | None, content_type: str | None, expires_in_s: float | None
) -> Call[FileInfo]:
    name = name or (source.name if isinstance(source, Path) else "upload.bin")
    kind = content_type or mimetypes.guess_type(name)[0] or "application/octet-stream"
    params: dict[str, Any] = {"name": name}
    if expires_in_s is not None:
        params["expires_in_s"] = expires_in_s
    return Call(
        "POST", "/api/files", FileInfo.read, params, headers={"content-type": kind}, file=source
    )


def job(job_id: str, more: str = "") -> str:
    return f"/api/jobs/{quote(job_id, safe='')}{more}"


class Frames:
    """Server-sent events out of bytes, as HTML's standard has them (section 9.2), as far as our
    server goes: lines end with one newline; ``id``, ``event`` and ``data``.
    """

    def __init__(self) -> None:
        self._rest = b""
        self._fields: dict[str, str] = {}

    def feed(self, chunk: bytes) -> Iterator[Event]:
        """The events that these bytes complete."""
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        for line in lines:
            name, _, value = line.decode().partition(":")
            if name:
                self._fields[name] = value.removeprefix(" ")
            elif not line:
                fields, self._fields = self._fields, {}
                if "data" in fields:
                    yield _event(fields)


def _event(fields: Mapping[str, str]) -> Event:
    return Event.read(
        fields.get("event", "message"), fields.get("id", ""), json.loads(fields["data"])
    )


def ends(event: Event) -> bool:
    """Whether nothing comes after it."""
    return event.job is not None and event.job.is_terminal


def kinds_of(kinds: Iterable[str] | None) -> dict[str, str]:
    return {} if kinds is None else {"kinds": ",".join(kinds)}
