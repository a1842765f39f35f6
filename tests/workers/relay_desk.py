"""One relaying worker in this process, and one attempt after the other at one job."""

from __future__ import annotations

import json

import pytest

from pilotlight.contracts.events import Log, Run
from pilotlight.execution.child_context import AttemptContext
from pilotlight.settings import Settings
from pilotlight.settings.upstreams import UpstreamSettings
from pilotlight.upstreams import Upstream
from workers.engines.relay.relays import Anything

SECRET = "s3cret-of-the-owner"


class Desk:
    """Each attempt finds what the one before kept."""

    def __init__(self, kind, folder, *, endpoint, called, **settings):
        self.kind, self.folder, self.heard, self.note = kind, folder, [], ""
        self.endpoint, self.called = endpoint, called
        self.settings = {"key_env": "RELAY_KEY", "poll_s": 0.02, **settings}
        self.notes = []
        self.context = None
        self.on_note = lambda _note: None

    def worker(self, **more):
        made, name = self.kind(), self.kind.spec.upstream
        upstreams = {name: UpstreamSettings(**self.settings)}
        made.upstream = Upstream(name, Settings(upstreams=upstreams, **more))
        return made

    def attempt(self, document=None, *, files=None, called=None, streaming=False):
        self.folder.mkdir(exist_ok=True)
        run = Run(
            job_id="job-1", fence=1, endpoint=self.endpoint, attempt=1, input="{}", called=called or self.called,
            folder=str(self.folder), note=self.note, timeout_s=600.0, streaming=streaming,
            files={name: str(path) for name, path in (files or {}).items()},
        )  # fmt: skip
        self.context = AttemptContext(run, self._hear)
        asked = Anything.model_validate(document or {"prompt": "a pier"})
        return self.worker().run(asked, self.context).model_dump()

    def fails(self, kind, **more):
        with pytest.raises(kind) as caught:
            self.attempt(**more)
        told = [str(caught.value), *self.lines, repr(self.notes)]
        assert not any(SECRET in text for text in told)
        return caught.value

    def _hear(self, event):
        self.heard.append(event)
        text = getattr(event, "text", None)
        if text is not None:
            self.on_note(text)
            self.notes.append(json.loads(text))
            self.note = text
            self.context.noted()

    @property
    def lines(self):
        return [event.line for event in self.heard if isinstance(event, Log)]
