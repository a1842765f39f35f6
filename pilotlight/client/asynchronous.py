"""The client to be awaited. As :mod:`.synchronous` in every word but ``async`` and ``await``."""

from __future__ import annotations

import asyncio
import contextlib
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

import httpx

from pilotlight.client import calls, wire
from pilotlight.client.calls import Call, Frames
from pilotlight.client.errors import Conflict, JobFailed, NotFinished
from pilotlight.client.patience import Patience

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping
    from types import TracebackType

    from pilotlight.client.shapes import Artifact, Endpoint, Event, FileInfo, JobInfo, Page

T = TypeVar("T")


class AsyncClient:
    """One server, one key, one event loop.

    Methods raise ApiError (the server's own words), or Unreachable after every try.
    """

    def __init__(
        self,
        url: str,
        key: str,
        *,
        patience: Patience | None = None,
        authority: Path | str | None = None,
    ) -> None:
        """``authority``: of a server with a certificate of its own, such as ``tls/ca.pem`` in the
        data folder of `pilotlight up`."""
        self._site, self._patience = wire.Site(url, key), patience or Patience()
        self._http = httpx.AsyncClient(verify=wire.trust(authority))

    async def submit(
        self,
        endpoint: str,
        job_input: Mapping[str, Any] | None = None,
        *,
        tags: Mapping[str, str] | None = None,
        webhook: str | None = None,
        priority: str | None = None,
        idempotency_key: str | None = None,
        **options: Any,
    ) -> AsyncJob:
        """A job that is recorded: it is not lost any more, whatever happens here.

        ``options``: what else ``POST /api/jobs`` takes, such as ``start_timeout_s`` or ``stream``.
        """
        named = {"tags": tags, "webhook": webhook, "priority": priority}
        wish = {**options, **named, "idempotency_key": idempotency_key}
        return AsyncJob(self, await self.send(calls.submit(endpoint, job_input or {}, wish)))

    async def run(
        self,
        endpoint: str,
        job_input: Mapping[str, Any] | None = None,
        *,
        wait_s: float | None = None,
        **options: Any,
    ) -> JobInfo:
        """Submit and wait for the result: see :meth:`AsyncJob.result`."""
        job = await self.submit(endpoint, job_input, **options)
        return await job.result(wait_s=wait_s)

    async def job(self, job_id: str) -> AsyncJob:
        """The handle of a job that was submitted before."""
        return AsyncJob(self, await self.send(calls.look(job_id)))

    async def jobs(self, **filters: Any) -> Page[JobInfo]:
        """One page of one's own jobs, newest first.

        ``status`` (one or several), ``endpoint``, ``worker``, ``created_from`` and
        ``created_before`` (datetime, or seconds since the epoch), ``tags``, ``limit``, ``cursor``.
        """
        return await self.send(calls.jobs(filters))

    async def every_job(self, **filters: Any) -> AsyncIterator[JobInfo]:
        """The jobs of all pages."""
        while True:
            page = await self.jobs(**filters)
            for info in page.items:
                yield info
            if page.next_cursor is None:
                return
            filters["cursor"] = page.next_cursor

    async def endpoints(self, **filters: str) -> list[Endpoint]:
        """``state``, ``task``, ``worker``, ``dialect``, and words in ``q``."""
        return await self.send(calls.endpoints(filters))

    async def endpoint(self, endpoint_id: str) -> Endpoint:
        """With its contract."""
        return await self.send(calls.endpoint(endpoint_id))

    async def upload(
        self,
        source: Path | bytes,
        *,
        name: str | None = None,
        content_type: str | None = None,
        expires_in_s: float | None = None,
    ) -> FileInfo:
        """Bring a file; its ``url`` is what an input takes."""
        return await self.send(calls.upload(source, name, content_type, expires_in_s))

    async def download(self, source: Artifact | str, place: Path | str) -> Path:
        """A file of a result, whole and checked, or nothing. The key is not sent along."""
        arriving = wire.Arriving(source, Path(place))
        tried = 0
        while True:
            tried += 1
            trouble: wire.Trouble = None
            try:
                await self._fetch(arriving)
                return arriving.finish()
            except (httpx.TransportError, wire.NotNow) as caught:
                trouble = caught
            wait_s = wire.pause_s(self._patience, trouble, tried)
            if wait_s is None:
                raise wire.given_up(arriving.url, trouble)
            await asyncio.sleep(wait_s)

    async def _fetch(self, arriving: wire.Arriving) -> None:
        async with self._http.stream("GET", arriving.url, **wire.reading()) as answer:
            if not answer.is_success:
                await answer.aread()
                raise wire.refused_stream(answer)
            arriving.begin()
            try:
                async for chunk in answer.aiter_bytes(wire.CHUNK_BYTES):
                    await asyncio.to_thread(arriving.add, chunk)
            finally:
                arriving.stop()

    async def send(self, call: Call[T]) -> T:
        """Try until it is answered, or patience ends."""
        tried = 0
        while True:
            tried += 1
            try:
                answer = await self._once(call)
            except httpx.TransportError as error:
                wait_s = self._patience.after_silence(tried)
                if wait_s is None:
                    raise wire.given_up(self._site.url, error) from None
            else:
                wait_s = self._patience.after_answer(tried, answer.status_code, answer.headers)
                if wait_s is None:
                    return wire.value_of(call, answer)
            await asyncio.sleep(wait_s)

    async def _once(self, call: Call[T]) -> httpx.Response:
        asked = self._site.request(call)
        if not isinstance(call.file, Path):
            return await self._http.request(**asked, content=call.file)
        return await self._http.request(**asked, content=_chunks(call.file))

    async def events(
        self, job_id: str, *, after: str = "", kinds: Iterable[str] | None = None
    ) -> AsyncIterator[Event]:
        """See :meth:`AsyncJob.events`."""
        seen, tried = after, 0
        while True:
            trouble: wire.Trouble = None
            try:
                async with contextlib.aclosing(
                    self._stream(job_id, seen, calls.kinds_of(kinds))
                ) as stream:
                    async for event in stream:
                        seen, tried = event.id, 0
                        yield event
                        if calls.ends(event):
                            return
            except (httpx.TransportError, wire.NotNow) as caught:
                trouble = caught
            tried += 1
            wait_s = wire.pause_s(self._patience, trouble, tried)
            if wait_s is None:
                raise wire.given_up(self._site.url, trouble)
            await asyncio.sleep(wait_s)

    async def _stream(
        self, job_id: str, after: str, params: dict[str, str]
    ) -> AsyncGenerator[Event, None]:
        headers = self._site.headers({"accept": "text/event-stream", "last-event-id": after})
        url, frames = self._site.at(calls.job(job_id, "/events")), Frames()
        timeout = wire.timeout()
        async with self._http.stream(
            "GET", url, params=params, headers=headers, timeout=timeout
        ) as answer:
            if not answer.is_success:
                await answer.aread()
                raise wire.refused_stream(answer)
            async for chunk in answer.aiter_bytes():
                for event in frames.feed(chunk):
                    yield event

    async def close(self) -> None:
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()


class AsyncJob:
    """A job of the server's. ``info`` is how it stood when it was last looked at."""

    def __init__(self, client: AsyncClient, info: JobInfo) -> None:
        self._client, self.info = client, info

    def __repr__(self) -> str:
        return f"AsyncJob({self.id!r}, status={self.info.status!r})"

    @property
    def id(self) -> str:
        return self.info.id

    async def status(self) -> JobInfo:
        """How it stands now."""
        self.info = await self._client.send(calls.look(self.id))
        return self.info

    async def events(
        self, *, after: str = "", kinds: Iterable[str] | None = None
    ) -> AsyncIterator[Event]:
        """Its life as it happens, until its end; a connection that breaks is taken up again.

        ``after``: the ``id`` of the last event seen before. ``kinds``: of ``log``, ``progress``
        and ``partial``; a status is always told.
        """
        async for event in self._client.events(self.id, after=after, kinds=kinds):
            self.info = event.job or self.info
            yield event

    async def result(self, *, wait_s: float | None = None) -> JobInfo:
        """The job with its ``output`` and ``artifacts``, once it has succeeded.

        Waits ``wait_s``, or as long as it takes. Raises NotFinished when the time is over,
        JobFailed when it ended otherwise.
        """
        ends_at = None if wait_s is None else time.monotonic() + wait_s
        while True:
            left_s = calls.MOST_WAIT_S if ends_at is None else max(0.0, ends_at - time.monotonic())
            self.info = await self._client.send(calls.look(self.id, wait_s=left_s))
            if self.info.succeeded:
                return self.info
            if self.info.is_terminal:
                raise JobFailed(self.info)
            if ends_at is not None and time.monotonic() >= ends_at:
                raise NotFinished(self.info)

    async def cancel(self) -> JobInfo:
        """End it: it can never succeed afterwards. Raises Conflict when it had ended by itself."""
        try:
            self.info = await self._client.send(calls.cancel(self.id))
        except Conflict:
            if (
                await self.status()
            ).status != "cancelled":  # else an answer to an earlier try was lost
                raise
        return self.info

    async def retry(self) -> AsyncJob:
        """A new job from the same input. Raises Conflict while this one goes on."""
        return AsyncJob(self._client, await self._client.send(calls.retry(self.id)))


async def _chunks(path: Path) -> AsyncIterator[bytes]:
    with path.open("rb") as file:
        while chunk := await asyncio.to_thread(file.read, wire.CHUNK_BYTES):
            yield chunk
