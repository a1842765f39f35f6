"""A dropped file as the job, or the group of jobs, that it asks for."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pilotlight.contracts.job import LOW_PRIORITY
from pilotlight.errors import InvalidInput, Problem, UnknownEndpoint
from pilotlight.intake.drop import naming
from pilotlight.intake.drop.manifest import ORIGIN
from pilotlight.intake.drop.naming import Kind
from pilotlight.intake.groups.batches.ticket import KIND, MOST_BYTES, Ticket
from pilotlight.intake.groups.opening import Opening
from pilotlight.intake.submission import Submission

if TYPE_CHECKING:
    from pilotlight.catalogue import Catalogue
    from pilotlight.contracts.job import Job
    from pilotlight.intake.drop.shaping import Shaping
    from pilotlight.intake.groups.batches.kind import Batches
    from pilotlight.intake.groups.opening import Groups
    from pilotlight.intake.submit import Submit
    from pilotlight.ports.blobs import Blobs
    from pilotlight.ports.drop import DropFolder, Dropped


@dataclass(slots=True, kw_only=True)
class Wishes:
    """Reads and copies what was dropped. Each method raises PilotlightError for what can never run,
    and Replaced."""

    folder: DropFolder
    shaping: Shaping
    catalogue: Catalogue
    blobs: Blobs
    submit: Submit
    groups: Groups
    batches: Batches
    caller: str
    webhook: str | None

    def job(self, own_id: str, one: Dropped) -> Job:
        """Not recorded yet."""
        endpoint = self._endpoint(one)
        if naming.kind_of(one.key) is Kind.INPUT:
            body = self.shaping.document(one)
        else:
            body = self.shaping.with_media(one, endpoint, caller=self.caller, key=own_id)
        return self.submit.row(
            Submission(
                caller=self.caller,
                endpoint=endpoint,
                body=body,
                origin=ORIGIN,
                options={"key": naming.shown(one.key)},
                webhook=self.webhook,
                idempotency_key=f"drop:{own_id}",
            )
        )

    def _endpoint(self, one: Dropped) -> str:
        found = naming.endpoint_of(self.catalogue, one.key)
        if found is None:
            said = f"drop/{naming.shown(one.key)}: no endpoint is called like its folder"
            raise UnknownEndpoint(f"{said}; put it below drop/ENDPOINT/")
        return found

    def group(self, own_id: str, one: Dropped) -> Job:
        """A manifest as a batch of our copy of it, recorded."""
        if one.size > MOST_BYTES:
            said = f"a manifest has at most {MOST_BYTES} bytes"
            raise InvalidInput(said, Problem(("body",), said, "file_too_large"))
        place, settings = f"inputs/{self.caller}/drop-{own_id}", self.groups.settings
        expires_at = self.submit.clock.now() + settings.max_start_timeout_s + settings.retention_s
        self.blobs.put(
            place, self.folder.read(one), content_type="application/jsonl", expires_at=expires_at
        )
        origin, given = self._meant(place, one)
        return self.groups.open(
            Opening(
                caller=self.caller,
                kind=KIND,
                origin=origin,
                text=Ticket(file=place, given=given).text(),
                priority=LOW_PRIORITY,
                webhook=self.webhook,
                idempotency_key=f"drop:{own_id}",
                body_sha256=hashlib.sha256(own_id.encode()).hexdigest(),
            )
        )

    def _meant(self, place: str, one: Dropped) -> tuple[str, dict[str, object]]:
        """In whose words its lines are: a dialect's batch, or inputs of its folder's endpoint."""
        with self.blobs.open(place) as file:
            first = file.readline(self.batches.most_line_bytes)
        for origin, form in self.batches.formats.items():
            given = form.claims(first, caller=self.caller)
            if given is not None:
                return origin, given
        key = one.key.encode("utf-8", "surrogateescape").hex()
        return ORIGIN, {"endpoint": self._endpoint(one), "caller": self.caller, "key": key}
