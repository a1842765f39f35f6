"""The guarded way to a service that does jobs for us, for workers that relay.

::

    upstream = connect("fal")
    reply = upstream.ask("GET", "/fal-ai/ovi/requests/ID/status", within_s=20)

Loopback is reached in local mode only, anything else only over TLS. The key goes to the
upstream's own address and is in no error and no log.
"""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pilotlight.adapters.local.clock import SystemClock
from pilotlight.adapters.web import guard
from pilotlight.adapters.web.fetcher import GuardedFetcher
from pilotlight.adapters.web.guard import Policy
from pilotlight.adapters.web.outbound import Outbound
from pilotlight.adapters.web.patience import Limits, Patience
from pilotlight.errors import FetchFailed, PilotlightError, SettingsError, WorkerError
from pilotlight.settings import lacking, load, upstream, upstream_key

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from pilotlight.adapters.web.outbound import Answer
    from pilotlight.ports.clock import Clock
    from pilotlight.ports.http import Fetched
    from pilotlight.settings import Settings

MAX_REPLY_BYTES: Final = 64 * 1024 * 1024
"""Longest answer; larger results are files."""
DOWNLOAD_S: Final = 900.0
_CONNECT_S: Final = 10.0
_CHUNK: Final = 256 * 1024
_REFUSED: Final = frozenset({"bad_url", "refused_address"})
_SCHEMES: Final = {"fal": "Key", "openai": "Bearer"}


class KeyMissing(WorkerError):
    """The message says what the owner has to set."""

    code = "upstream_key_missing"
    http_status = 503


class WrongAddress(WorkerError):
    """An upstream's address is refused: the owner's setting, or what it told us itself."""

    code = "upstream_address"
    http_status = 502


class NoAnswer(PilotlightError):
    """``asked``: the question may have arrived all the same."""

    code = "upstream_unreachable"
    http_status = 503
    retryable = True

    def __init__(self, message: str, *, asked: bool) -> None:
        super().__init__(message)
        self.asked = asked


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    headers: Mapping[str, str]
    """Lower-case names."""
    body: bytes

    @property
    def document(self) -> Any:
        """The body as JSON; None when it is none."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None


class Upstream:
    """One service; any thread may ask."""

    def __init__(self, name: str, settings: Settings, clock: Clock | None = None) -> None:
        """Raises SettingsError for a name that nobody gave an address."""
        found = upstream(settings, name)
        if found is None:
            raise SettingsError(str(lacking(settings, name)))
        self.name, self.settings = name, found
        self._deployment, self._clock = settings, clock or SystemClock()
        # The owner named this address, wherever callers come from.
        near = settings.allow_loopback is not False and (
            settings.mode == "local" or settings.aws.emulated
        )
        self._outbound = Outbound(policy=Policy(allow_loopback=near, allow_plain_http=False))
        patient = settings.fetch.model_copy(
            update={"total_timeout_s": DOWNLOAD_S, "first_byte_timeout_s": 60.0}
        )
        self._fetcher = GuardedFetcher(self._outbound, patient, self._clock)

    def check(self) -> None:
        """Raises KeyMissing, before anything is asked."""
        missing = lacking(self._deployment, self.name)
        if missing is not None:
            raise KeyMissing(f"this deployment cannot ask {self.name} yet: {missing}")

    def named(self, called: str) -> str:
        """What the upstream calls an endpoint or model of ours."""
        return self.settings.names.get(called, called)

    def ask(
        self,
        method: str,
        path: str,
        *,
        within_s: float,
        document: Any = None,
        body: bytes | Iterator[bytes] = b"",
        headers: Mapping[str, str] | None = None,
        base_url: str | None = None,
    ) -> Reply:
        """Ask with the owner's key; whatever the status, the reply. ``path`` continues the URL.

        Raises NoAnswer, and KeyMissing and WrongAddress before anything is asked.
        """
        sent = self._sealed(headers)
        if document is not None:
            body = json.dumps(document, separators=(",", ":")).encode()
            sent["Content-Type"] = "application/json"
        url = (base_url or self.settings.url).rstrip("/") + path
        with self._asking(method, url, within_s=within_s, headers=sent, body=body) as answer:
            return Reply(answer.status, answer.headers, b"".join(answer.chunks()))

    @contextmanager
    def listen(
        self, path: str, *, within_s: float, document: Any, headers: Mapping[str, str]
    ) -> Iterator[Answer]:
        """POST as :meth:`ask` does, and hear the answer as it comes. Raises as that."""
        sent = {**self._sealed(headers), "Content-Type": "application/json"}
        body = json.dumps(document, separators=(",", ":")).encode()
        url = self.settings.url.rstrip("/") + path
        with self._asking("POST", url, within_s=within_s, headers=sent, body=body) as answer:
            yield answer

    def _sealed(self, headers: Mapping[str, str] | None) -> dict[str, str]:
        self.check()
        key = upstream_key(self.settings)
        return {"Authorization": f"{_SCHEMES[self.settings.speaks]} {key}", **(headers or {})}

    def send_file(self, url: str, path: Path, *, content_type: str, within_s: float) -> Reply:
        """PUT a file to where the upstream said, without the key. Raises as :meth:`ask`."""
        headers = {"Content-Type": content_type, "Content-Length": str(path.stat().st_size)}
        body = _chunks(path)
        with self._asking("PUT", url, within_s=within_s, headers=headers, body=body) as answer:
            return Reply(answer.status, answer.headers, b"".join(answer.chunks()))

    def fetch(self, url: str, into: Path) -> Fetched:
        """Bring a result's file, without the key. Raises FetchFailed."""
        most = self.settings.max_result_bytes
        return self._fetcher.fetch(url, kind="any", max_bytes=most, into=into)

    @contextmanager
    def _asking(
        self,
        method: str,
        url: str,
        *,
        within_s: float,
        headers: Mapping[str, str],
        body: bytes | Iterator[bytes],
    ) -> Iterator[Answer]:
        limits = Limits(
            connect_s=min(_CONNECT_S, within_s),
            first_byte_s=within_s,
            total_s=within_s,
            max_bytes=MAX_REPLY_BYTES,
        )
        patience = Patience(limits, self._clock.monotonic)
        try:
            target = guard.parse(url, self._outbound.policy)
            asking = self._outbound.ask(method, target, patience, headers=headers, body=body)
            with asking as answer:
                yield answer
        except FetchFailed as error:
            if error.reason in _REFUSED:
                told = f"{self.name} cannot be asked at {url.partition('?')[0][:200]}: {error}"
                raise WrongAddress(f"{told}; https reaches all, http this machine only") from None
            raise NoAnswer(f"{self.name}: {error}", asked=patience.asked) from None


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            yield chunk


def connect(name: str) -> Upstream:
    """The upstream of that name in this process's settings. Raises SettingsError."""
    return Upstream(name, load())
