"""A request that the upstream takes at once and finishes later: asked once, followed, let go."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from pilotlight import Cancelled
from workers.engines.relay.errand import Errand
from workers.engines.relay.outlasting import outlasting
from workers.engines.relay.refusals import Garbled, refusal, retry_after_s
from workers.engines.relay.ticket import Ticket

if TYPE_CHECKING:
    from collections.abc import Callable

    from pilotlight import Context
    from pilotlight.upstreams import Reply, Upstream

SUBMIT_S: Final = 120.0
"""What fal's own client allows a submit; the upstream may fetch files first."""
_LOOK_S: Final = 20.0
_RESULT_S: Final = 120.0
_CANCEL_S: Final = 3.0
"""Less than a cancelled run is given before its process is killed."""
_FIRST_LOOK_S: Final = 0.1
_SHARE: Final = 0.1
"""A request is looked at again after this share of its age: its end is seen that late at most."""
_STRANGE: Final = 5
"""So many answers in a row that do not know the request, and it is believed."""


class Look(NamedTuple):
    """A status, read."""

    over: bool
    fraction: float
    words: str
    lines: list[str]
    """All of its log so far."""


class Places(NamedTuple):
    """Where a request is found, below the upstream's URL."""

    status: str
    result: str
    cancel_by: str
    cancel: str


class Following(Errand):
    """``submit`` sends the request, ``places`` says where it is, ``read`` what a status means."""

    def __init__(
        self,
        upstream: Upstream,
        context: Context,
        *,
        places: Callable[[str, str], Places],
        read: Callable[[dict[str, Any]], Look],
    ) -> None:
        super().__init__(upstream, context)
        self._places_of, self._read = places, read
        self._told = 0
        self._last: tuple[float, str] | None = None
        self._troubled = False

    def result(self, submit: Callable[[], Callable[[], Reply]]) -> Reply:
        """The 2xx reply that is the result.

        ``submit`` prepares the request and returns what sends it; it is not called for one that
        is upstream already.
        """
        try:
            if self.ticket.id:
                self.context.log(f"following {self.upstream.name} request {self.ticket.id} again")
            else:
                self._submit(submit())
            self._follow()
            return self._result()
        except Cancelled:
            if self.context.over and self.ticket.id:
                self._let_go(self.ticket.id)
            raise

    @property
    def _places(self) -> Places:
        return self._places_of(self.name, self.ticket.id)

    def _submit(self, send: Callable[[], Reply]) -> None:
        request_id = _id_in(self.ask(send))
        if request_id is None:
            raise Garbled(f"{self.upstream.name} took the request and gave no id")
        self.keep(replace(self.ticket, id=request_id))
        self.context.log(f"{self.upstream.name} took it as {request_id}")

    def late(self, reply: Reply) -> None:
        request_id = _id_in(reply)
        if self.context.over and request_id is not None:
            self._let_go(request_id)

    def _follow(self) -> None:
        """Return when it is over, however it ended. Raises what the upstream refuses with."""
        began, strange = time.monotonic(), 0
        while True:
            reply = self._look()
            age_s = time.monotonic() - began
            wait_s = min(self.upstream.settings.poll_s, max(_FIRST_LOOK_S, _SHARE * age_s))
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
            return self._get(self._places.status, _LOOK_S)
        except NoAnswer:
            return None

    def _get(self, path: str, within_s: float) -> Reply:
        return outlasting(self.context, lambda: self.upstream.ask("GET", path, within_s=within_s))

    def _say_trouble(self) -> None:
        if not self._troubled:
            self._troubled = True
            self.context.log(f"{self.upstream.name} does not answer now; the request goes on there")

    def _tell(self, reply: Reply) -> bool:
        """Pass on what is new; whether it is over."""
        look = self._read(reply.document if isinstance(reply.document, dict) else {})
        for line in look.lines[self._told :]:
            self.context.log(line)
        self._told = max(self._told, len(look.lines))
        news = min(max(look.fraction, 0.0), 0.99), f"{look.words} at {self.upstream.name}"
        if not look.over and news != self._last:
            self._last = news
            self.context.progress(*news)
        return look.over

    def _result(self) -> Reply:
        reply = self._get(self._places.result, _RESULT_S)
        self.note_cost(reply)
        if reply.status // 100 != 2:
            raise self.failed(reply)
        return reply

    def _let_go(self, request_id: str) -> None:
        """The job is over here: it should not go on, and cost, there."""
        places = self._places_of(self.name, request_id)
        self.context.log(_cancelled(self.upstream, request_id, places))


def let_go(upstream: Upstream, called: str, note: str, places: Callable[[str, str], Places]) -> str:
    """Cancel what a job left upstream; what came of it, in words. Raises KeyMissing."""
    request_id = Ticket.read(note).id
    if not request_id:
        return ""
    return _cancelled(upstream, request_id, places(upstream.named(called), request_id))


def _cancelled(upstream: Upstream, request_id: str, places: Places) -> str:
    from pilotlight.upstreams import NoAnswer

    try:
        reply = upstream.ask(places.cancel_by, places.cancel, within_s=_CANCEL_S)
        said = str(reply.status)
    except NoAnswer as error:
        said = str(error)
    return f"asked {upstream.name} to cancel {request_id}: {said}"


def _id_in(reply: Reply) -> str | None:
    """Of what a submit answered; nothing that could lead a path elsewhere."""
    told = reply.document if isinstance(reply.document, dict) else {}
    found = told.get("request_id")
    if not isinstance(found, str) or len(found) > 200:
        return None
    plain = found.replace("-", "").replace("_", "")
    return found if plain.isascii() and plain.isalnum() else None
