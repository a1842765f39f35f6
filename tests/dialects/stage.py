"""A real server on a free port, real local adapters, and hands to play the replica."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from contextlib import contextmanager
from dataclasses import dataclass

import httpx2
import uvicorn

from handlers.gathering import GatheringProtocol
from pilotlight import bootstrap
from pilotlight.contracts import moves
from pilotlight.contracts.artifact import Artifact
from pilotlight.contracts.job import JobError
from pilotlight.intake import keys
from pilotlight.ports.feed import NewEntry
from pilotlight.ports.files import FileRecord
from pilotlight.settings import load

DEADLINE_S = 30
KEY = "a key for tests"
OTHER_KEY = "somebody else's key"
LEASE = {"lease_s": 60, "margin_s": 10}


class Server(uvicorn.Server):
    """Says when it listens, and leaves at once when told to."""

    def __init__(self, config):
        super().__init__(config)
        self.listening = threading.Event()

    async def startup(self, sockets=None):
        await super().startup(sockets=sockets)
        self._loop, self._told = asyncio.get_running_loop(), asyncio.Event()
        self.listening.set()

    async def main_loop(self):
        await self.on_tick(0)
        await self._told.wait()

    def leave(self):
        self._loop.call_soon_threadsafe(self._told.set)


@contextmanager
def served(app):
    """The app on loopback; yields ``http://127.0.0.1:PORT``."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    config = uvicorn.Config(
        app, log_level="error", lifespan="on", http=GatheringProtocol, ws="websockets-sansio"
    )
    server = Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        assert server.listening.wait(DEADLINE_S)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.leave()
        thread.join(DEADLINE_S)
        listener.close()


@contextmanager
def services_in(folder, clock, **settings):
    settings.setdefault("workers", ("tests.dialects.stock",))
    services = bootstrap.services(load(data=folder, **settings), clock=clock)
    for text, caller in ((KEY, "alice"), (OTHER_KEY, "mallory")):
        record = keys.record_of(
            text, pepper=services.pepper, caller=caller, name=caller, now=clock.now()
        )
        services.keys.add(record)
    try:
        yield services
    finally:
        services.close()


@dataclass
class Stage:
    """The wired services, the URL they are served at, and a replica's hands."""

    services: bootstrap.Services
    url: str

    def client(self, key=KEY, **more):
        headers = {"authorization": f"Key {key}"} if key else {}
        # Plain HTTP: to read this machine's certificates would take 20 ms each time.
        more.setdefault("verify", False)
        return httpx2.Client(base_url=self.url, headers=headers, timeout=DEADLINE_S, **more)

    @contextmanager
    def asking(self, path, document):
        """A POST that nobody reads the answer of: who leaves the block hangs up."""
        host, port = self.url.removeprefix("http://").split(":")
        body = json.dumps(document).encode()
        with socket.create_connection((host, int(port)), timeout=DEADLINE_S) as line:
            line.sendall(
                b"POST %s HTTP/1.1\r\nHost: x\r\nAuthorization: Key %s\r\n"
                b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
                % (path.encode(), KEY.encode(), len(body), body)
            )
            yield line

    def job(self, request_id):
        return self.services.store.get(request_id)

    def newest(self):
        """The job that came last, if any did: for stages that several tests share."""
        return next(iter(self.services.store.list_jobs(limit=1)), None)

    def only_job(self):
        """The one job there is; waits until a request in another thread has made it."""
        for _ in range(DEADLINE_S * 1000):
            jobs = self.services.store.list_jobs(limit=2)
            if jobs:
                assert len(jobs) == 1
                return jobs[0]
            threading.Event().wait(0.001)
        raise AssertionError("no job came")

    def move(self, request_id, move):
        job = self.services.store.move(request_id, move)
        assert job is not None, f"{move.transition.name} was refused"
        self.services.announcer.changed([request_id])
        return job

    def start(self, request_id, owner="replica-1"):
        return self.move(
            request_id, moves.lease(owner=owner, now=self.services.clock.now(), **LEASE)
        )

    def succeed(self, request_id, output, artifacts=()):
        job = self.job(request_id)
        if job.owner is None:
            job = self.start(request_id)
        listed = json.dumps([one.model_dump() for one in artifacts])
        return self.move(
            request_id,
            moves.succeed(
                job, now=self.services.clock.now(), output=json.dumps(output), artifacts=listed
            ),
        )

    def fail(self, request_id, code="worker_error", message="the model broke", status=500, *why):
        job = self.start(request_id)
        error = JobError(code, message, status, tuple(why))
        return self.move(request_id, moves.fail(job, now=self.services.clock.now(), error=error))

    def tell(self, request_id, kind, **body):
        now = self.services.clock.now()
        self.services.feed.append([NewEntry(request_id, kind, json.dumps(body), now)])
        self.services.announcer.changed([request_id])

    def artifact(self, request_id, data=b"pixels", name="a.png", content_type="image/png"):
        info = self.services.blobs.put(
            f"results/{request_id}/1/{name}", data, content_type=content_type, file_name=name
        )
        return Artifact(
            key=info.key,
            file_name=name,
            content_type=content_type,
            size=info.size,
            sha256=info.sha256,
        )

    def file(self, file_id, caller, data):
        """A file that the caller keeps here."""
        info = self.services.blobs.put(f"kept/{file_id}", data, content_type="text/plain")
        record = FileRecord(
            id=file_id, caller=caller, key=info.key, name="a.txt", purpose="batch",
            content_type=info.content_type, size=info.size, sha256=info.sha256,
            created_at=self.services.clock.now(),
        )  # fmt: skip
        self.services.files.store.add(record)


def submit(client, path="acme/app", *, prefix="/queue/", body=None, **more):
    """Submit and return the reply's JSON."""
    body = {"prompt": "a cat"} if body is None else body
    reply = client.post(prefix + path, json=body, **more)
    assert reply.status_code == 200, reply.text
    return reply.json()


def status(client, said, **params):
    """The reply to a look at what :func:`submit` said was taken."""
    return client.get(said["status_url"], params=params)


def token_for(client, *apps):
    """A short-lived token for these apps, as a page gets one instead of a key."""
    reply = client.post("/rest/tokens/", json={"allowed_apps": list(apps)})
    assert reply.status_code == 200, reply.text
    assert isinstance(reply.json(), str)
    return reply.json()


def until(condition):
    """Look until it holds; the deadline is only for a test that fails."""
    for _ in range(DEADLINE_S * 1000):
        if condition():
            return
        threading.Event().wait(0.001)
    raise AssertionError("it never came true")


def events(reply):
    """The JSON of each server-sent event; comments are skipped."""
    for line in reply.iter_lines():
        if line.startswith("data: "):
            yield json.loads(line.removeprefix("data: "))


class Background:
    """A call in a thread, with its answer or its exception at the end."""

    def __init__(self, call, *args, **kwargs):
        self._outcome = None
        self._thread = threading.Thread(target=self._run, args=(call, args, kwargs))
        self._thread.start()

    def _run(self, call, args, kwargs):
        try:
            self._outcome = (call(*args, **kwargs), None)
        except BaseException as error:  # noqa: BLE001 - handed to whoever asks
            self._outcome = (None, error)

    @property
    def ended(self):
        return self._outcome is not None

    def result(self):
        self._thread.join(DEADLINE_S)
        assert self._outcome is not None, "the call did not end"
        value, error = self._outcome
        if error is not None:
            raise error
        return value
