"""An upstream that speaks fal's queue: fal itself, a reseller, another Pilotlight.

Wire facts: ``POST /ID`` answers ``request_id``; below ``/OWNER/APP/requests/REQUEST`` are
``/status?logs=1``, ``/cancel`` and the result, which for a failed request is its error.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from pilotlight import Cancelled, Context, Worker
from workers.engines.relay.errand import Anything, Errand
from workers.engines.relay.inputs import sendable
from workers.engines.relay.outputs import brought
from workers.engines.relay.refusals import Garbled, refusal, retry_after_s

if TYPE_CHECKING:
    from pilotlight.upstreams import Reply, Upstream

SUBMIT_S: Final = 120.0
"""What fal's own client allows a submit; the upstream may fetch files first."""
LOOK_S: Final = 20.0
CANCEL_S: Final = 3.0
"""Less than a cancelled run is given before its process is killed."""
_FIRST_LOOK_S: Final = 0.1
_SHARE: Final = 0.1
"""A request is looked at again after this share of its age: its end is seen that late at most."""
_STRANGE: Final = 5
"""So many answers in a row that do not know the request, and it is believed."""
_NAMESPACES: Final = frozenset({"workflows", "comfy"})
"""Ids below these keep three segments where a request is found again, others two."""


def app_of(endpoint: str) -> str:
    parts = endpoint.split("/")
    return "/".join(parts[: 3 if parts[0] in _NAMESPACES else 2])


class FalRelay(Worker[Anything, Anything]):
    """A worker's file names its ``spec``; this does the rest."""

    upstream: Upstream

    def load(self) -> None:
        from pilotlight.upstreams import connect

        self.upstream = connect(self.spec.upstream)

    def run(self, job_input: Anything, context: Context) -> Anything:
        self.upstream.check()
        request = _Request(self.upstream, context)
        return Anything.model_validate(request.result(job_input.model_dump(mode="json")))


class _Request(Errand):
    def __init__(self, upstream: Upstream, context: Context) -> None:
        super().__init__(upstream, context)
        self._name = upstream.named(context.called)
        self._told = 0
        self._troubled = False

    def result(self, document: dict[str, Any]) -> Any:
        """Ask unless that was done, follow, and bring the result."""
        try:
            if not self.ticket.id:
                self._submit(document)
            else:
                self.context.log(f"following {self.upstream.name} request {self.ticket.id} again")
            self._follow()
            return self._result()
        except Cancelled:
            self._let_go()
            raise

    @property
    def _path(self) -> str:
        return f"/{app_of(self._name)}/requests/{self.ticket.id}"

    def _submit(self, document: dict[str, Any]) -> None:
        # Files come back as files: whether the caller wants them inline is our dialect's to do.
        asked = {name: value for name, value in document.items() if name != "sync_mode"}
        asked, files = sendable(asked, self.context, self.upstream, self.ticket.files)
        self.ticket = replace(self.ticket, files=files)
        headers = self.headers()
        if self.context.timeout_s is not None:  # upstream too it is of no use later
            headers["X-Fal-Request-Timeout"] = str(float(self.context.timeout_s))
        reply = self.ask(
            lambda: self.upstream.ask(
                "POST", f"/{self._name}", document=asked, headers=headers, within_s=SUBMIT_S
            )
        )
        told = reply.document if isinstance(reply.document, dict) else {}
        request_id = told.get("request_id")
        if not isinstance(request_id, str) or not request_id.replace("-", "").isalnum():
            raise Garbled(f"{self.upstream.name} took the request and gave no id")
        self.keep(replace(self.ticket, id=request_id))
        self.context.log(f"{self.upstream.name} took it as {request_id}")

    def _follow(self) -> None:
        """Return when it is over, however it ended. Raises what the upstream refuses with."""
        began, strange = time.monotonic(), 0
        while True:
            reply = self._look()
            wait_s = min(
                self.upstream.settings.poll_s,
                max(_FIRST_LOOK_S, _SHARE * (time.monotonic() - began)),
            )
            if reply is None or reply.status == 429 or reply.status >= 500:
                self._say_trouble()
                wait_s = max(wait_s, 1.0, retry_after_s(reply) if reply else 0.0)
            elif reply.status == 404 and strange < _STRANGE:
                strange += 1
            elif reply.status // 100 != 2:
                raise refusal(self.upstream, reply)
            else:
                strange, self._troubled = 0, False
                if self._tell(reply):
                    return
            self.context.wait(wait_s)

    def _look(self) -> Reply | None:
        from pilotlight.upstreams import NoAnswer

        try:
            return self.upstream.ask("GET", f"{self._path}/status?logs=1", within_s=LOOK_S)
        except NoAnswer:
            return None

    def _say_trouble(self) -> None:
        if not self._troubled:
            self._troubled = True
            self.context.log(f"{self.upstream.name} does not answer now; the request goes on there")

    def _tell(self, reply: Reply) -> bool:
        """Pass on what is new; whether it is over."""
        said = reply.document if isinstance(reply.document, dict) else {}
        logs = said.get("logs")
        if isinstance(logs, list):
            for line in logs[self._told :]:
                self.context.log(str(line.get("message", "")) if isinstance(line, dict) else "")
            self._told = max(self._told, len(logs))
        status, position = said.get("status"), said.get("queue_position")
        if status == "COMPLETED":
            return True
        done = said.get("progress")
        fraction = min(max(float(done), 0.0), 0.99) if isinstance(done, int | float) else 0.0
        waits = f", {position} before it" if status == "IN_QUEUE" and position else ""
        self.context.progress(fraction, f"{status} at {self.upstream.name}{waits}")
        return False

    def _result(self) -> Any:
        reply = self.upstream.ask("GET", self._path, within_s=SUBMIT_S)
        self.note_cost(reply)
        if reply.status // 100 != 2:
            raise self.failed(reply)
        if not isinstance(reply.document, dict):
            raise Garbled(f"{self.upstream.name} gave a result that is no JSON object")
        return brought(reply.document, self.context, self.upstream)

    def _let_go(self) -> None:
        """The job is over here: it should not go on, and cost, there."""
        from pilotlight.upstreams import NoAnswer

        if not (self.context.over and self.ticket.id):
            return
        try:
            reply = self.upstream.ask("PUT", f"{self._path}/cancel", within_s=CANCEL_S)
            said = str(reply.status)
        except NoAnswer as error:
            said = str(error)
        self.context.log(f"asked {self.upstream.name} to cancel {self.ticket.id}: {said}")
