"""The two kinds of relaying workers. A worker's file names its ``spec``; this does the rest.

Every ingress imports this file and a replica's child alone all others: none is loaded before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from pilotlight import Context, Worker

if TYPE_CHECKING:
    from pilotlight.upstreams import Upstream


class Anything(BaseModel):
    """What a relay takes and gives: contracts are the endpoint's, and the upstream's."""

    model_config = ConfigDict(extra="allow")


class Relay(Worker[Anything, Anything]):
    """``spec.upstream`` is a name in the settings' ``upstreams``."""

    upstream: Upstream

    def load(self) -> None:
        from pilotlight.upstreams import connect

        self.upstream = connect(self.spec.upstream)


class FalRelay(Relay):
    """To an upstream that speaks fal's queue."""

    def run(self, job_input: Anything, context: Context) -> Anything:
        """Raises KeyMissing before anything is asked."""
        from workers.engines.relay import fal_queue

        document = job_input.model_dump(mode="json")
        return Anything.model_validate(fal_queue.done(self.upstream, context, document))

    @classmethod
    def let_go(cls, *, called: str, note: str) -> str:
        from pilotlight.upstreams import connect
        from workers.engines.relay import fal_queue, following

        return following.let_go(connect(cls.spec.upstream), called, note, fal_queue.places)


class OpenAiRelay(Relay):
    """To an upstream that speaks OpenAI's API: an endpoint of its own for each task type."""

    def run(self, job_input: Anything, context: Context) -> Anything:
        """Raises KeyMissing before anything is asked."""
        from workers.engines.relay import openai

        task = next(one.task for one in self.spec.endpoints if one.id == context.endpoint)
        document = job_input.model_dump(mode="json")
        return Anything.model_validate(openai.done(self.upstream, context, task, document))

    @classmethod
    def let_go(cls, *, called: str, note: str) -> str:
        from pilotlight.upstreams import connect
        from workers.engines.relay import following, openai

        return following.let_go(connect(cls.spec.upstream), called, note, openai.places)
