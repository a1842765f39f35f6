"""Ask an upstream once for one job, whatever dies on the way: common to all that is asked."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from workers.engines.relay.outlasting import outlasting
from workers.engines.relay.refusals import Unsure, refusal
from workers.engines.relay.ticket import Ticket

if TYPE_CHECKING:
    from collections.abc import Callable

    from pilotlight import Context, PilotlightError
    from pilotlight.upstreams import Reply, Upstream

_COSTS: Final = ("x-fal-billable-units",)
"""Headers in which upstreams say what a request took."""


class Errand:
    """One job's request: its ticket, and the rules for asking."""

    def __init__(self, upstream: Upstream, context: Context) -> None:
        self.upstream, self.context = upstream, context
        self.name = upstream.named(context.called)
        self.ticket = Ticket.read(context.note)

    def keep(self, ticket: Ticket) -> None:
        """The ticket as it is from now on, durable."""
        self.ticket = ticket
        self.context.keep(ticket.text())

    def headers(self) -> dict[str, str]:
        """What goes with the one request that must not be done twice."""
        return {"Idempotency-Key": self.ticket.key(self.context.job_id)}

    def ask(self, send: Callable[[], Reply]) -> Reply:
        """Send what must not be done twice; a 2xx reply.

        Raises what the upstream refuses with; NoAnswer or Failed where it may be sent again by
        the next attempt, else Unsure.
        """
        from pilotlight.upstreams import NoAnswer

        if self.ticket.asked and not self._repeats:
            raise self._unsure("an attempt died while it asked")
        self.keep(replace(self.ticket, asked=True))
        try:
            reply = outlasting(self.context, send, self.late)
        except NoAnswer as error:
            if not error.asked:  # the ticket must not say more than is true
                self.keep(replace(self.ticket, asked=False))
            elif not self._repeats:
                raise self._unsure(str(error)) from None
            raise
        if reply.status // 100 == 2:
            return reply
        refused = refusal(self.upstream, reply)
        if reply.status < 500 or reply.status == 503:
            self.keep(replace(self.ticket, asked=False))
        elif not self._repeats:
            raise self._unsure(str(refused))
        raise refused

    def late(self, reply: Reply) -> None:
        """The answer of a request whose job was cancelled meanwhile."""

    def failed(self, reply: Reply) -> PilotlightError:
        """What to raise for a request that was taken and failed; a retry asks anew."""
        error = refusal(self.upstream, reply)
        if error.retryable:
            self.keep(self.ticket.next())
        return error

    def note_cost(self, reply: Reply) -> None:
        """Keep what it took with the job, and say so in its log."""
        cost = {name: reply.headers[name] for name in _COSTS if name in reply.headers}
        if cost and cost != self.ticket.cost:
            told = ", ".join(f"{name}: {value}" for name, value in cost.items())
            self.context.log(f"{self.upstream.name} says of {self.ticket.id or 'it'}: {told}")
            self.keep(replace(self.ticket, cost=cost))

    @property
    def _repeats(self) -> bool:
        settings = self.upstream.settings
        return settings.idempotent or settings.unsure == "again"

    def _unsure(self, why: str) -> Unsure:
        name = self.upstream.name
        return Unsure(
            f"{name} may have taken this request, and its answer was lost ({why}); it is not "
            f'asked again, because {name} would do it twice: set unsure = "again" of this '
            "upstream to have that"
        )
