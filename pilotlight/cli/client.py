"""The caller's side of the commands: fal's paths, as any client of theirs speaks them."""

from __future__ import annotations

import json
import mimetypes
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO, Final
from urllib.parse import quote, urlencode, urljoin

from pilotlight.cli.exits import JobDidNotSucceed, Unreachable
from pilotlight.cli.wire import exchange
from pilotlight.errors import NotFinished

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_CHUNK: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class Api:
    """One ingress, with one key. Methods raise Unreachable, or what a refusal stands for."""

    url: str
    key: str = ""

    def submit(
        self,
        endpoint: str,
        body: Mapping[str, Any],
        *,
        webhook: str | None = None,
        low_priority: bool = False,
        start_timeout_s: float | None = None,
    ) -> str:
        """The id of the new job."""
        query = "?" + urlencode({"fal_webhook": webhook}) if webhook else ""
        headers = {"x-fal-queue-priority": "low"} if low_priority else {}
        if start_timeout_s is not None:
            headers["x-fal-request-timeout"] = str(start_timeout_s)
        path = "/queue/" + quote(endpoint) + query
        job_id: str = self._json("POST", path, json.dumps(body).encode(), headers)["request_id"]
        return job_id

    def status(self, job_id: str, *, attempts: bool = False) -> dict[str, Any]:
        more = "&attempts=1" if attempts else ""
        found: dict[str, Any] = self._json("GET", _of(job_id, f"/status?logs=1{more}"))
        return found

    def statuses(self, job_id: str) -> Iterator[dict[str, Any]]:
        """The status each time it changes, with the log lines that are new, until the end."""
        headers = self._headers({"accept": "text/event-stream"})
        path = _of(job_id, "/status/stream?logs=1")
        with exchange("GET", self._at(path), headers=headers) as answer:
            while line := answer.line():
                if line.startswith(b"data:"):
                    yield json.loads(line[5:])

    def cancel(self, job_id: str) -> None:
        self._json("PUT", _of(job_id, "/cancel"), b"")

    def retry(self, job_id: str) -> str:
        """The id of a new job from the same input."""
        new: str = self._json("POST", f"/api/jobs/{quote(job_id, safe='')}/retry", b"")["id"]
        return new

    def result(self, job_id: str) -> Any:
        """The output. Raises NotFinished, JobDidNotSucceed."""
        status = self.status(job_id)
        if status["status"] != "COMPLETED":
            raise NotFinished("not finished yet; --wait waits for it", job_id=job_id)
        if status.get("error"):
            raise JobDidNotSucceed(str(status["error"]), job_id=job_id)
        return self._json("GET", _of(job_id))

    def upload(self, path: Path) -> str:
        """Bring a file in, as fal's clients do; the URL to put into an input."""
        kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        place = self._json(
            "POST",
            "/rest/storage/upload/initiate?storage_type=fal-cdn-v3",
            json.dumps({"content_type": kind, "file_name": path.name}).encode(),
        )
        headers = {"content-type": kind, "content-length": str(path.stat().st_size)}
        with (
            path.open("rb") as file,
            exchange("PUT", self._at(place["upload_url"]), body=file, headers=headers) as answer,
        ):
            answer.read()
        url: str = place["file_url"]
        return url

    def download(self, url: str, into: BinaryIO) -> None:
        """The key stays here: a result's URL needs none. A large file may lie elsewhere."""
        with exchange("GET", self._at(url), headers={}, hops=3) as answer:
            while chunk := answer.read(_CHUNK):
                into.write(chunk)

    def _at(self, path: str) -> str:
        return urljoin(self.url.rstrip("/") + "/", path)

    def _headers(self, more: Mapping[str, str]) -> dict[str, str]:
        key = {"authorization": f"Key {self.key}"} if self.key else {}
        return {"user-agent": "pilotlight", **key, **more}

    def _json(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        sent = self._headers({"content-type": "application/json", **(headers or {})})
        with exchange(method, self._at(path), body=body, headers=sent) as answer:
            text = answer.read()
        try:
            return json.loads(text)
        except ValueError:
            raise Unreachable(f"{self.url} answers, but not as Pilotlight does") from None


def _of(job_id: str, more: str = "") -> str:
    """A job's path on the queue. The id alone says which job it is, whatever endpoint is named."""
    return f"/queue/pilotlight/job/requests/{quote(job_id, safe='')}{more}"
