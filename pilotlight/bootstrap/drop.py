"""The drop folder over the ports of any mode that has one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pilotlight.intake.drop.manifest import ORIGIN, ManifestLines
from pilotlight.intake.drop.results import Results
from pilotlight.intake.drop.settling import Settling
from pilotlight.intake.drop.shaping import Shaping
from pilotlight.intake.drop.taking import Taking
from pilotlight.intake.drop.watching import ALL_REMOTE_S, ALL_S, LIST_REMOTE_S, LOOK_S, Drops
from pilotlight.intake.drop.wishes import Wishes
from pilotlight.intake.groups.batches.kind import Batches
from pilotlight.intake.groups.batches.ticket import KIND

if TYPE_CHECKING:
    from pilotlight.bootstrap.parts import IngressParts
    from pilotlight.catalogue import Catalogue
    from pilotlight.intake.groups.opening import Groups
    from pilotlight.intake.groups.steward import Steward
    from pilotlight.intake.submit import Submit
    from pilotlight.settings import Settings


def drops(
    settings: Settings,
    catalogue: Catalogue,
    parts: IngressParts,
    submit: Submit,
    steward: Steward,
    groups: Groups,
) -> Drops | None:
    if parts.drop is None:
        return None
    folder, ledger = parts.drop
    batches = steward.kinds[KIND]
    assert isinstance(batches, Batches)
    results = Results(folder=folder, blobs=parts.blobs)
    batches.formats[ORIGIN] = ManifestLines(results)
    wishes = Wishes(
        folder=folder,
        shaping=Shaping(
            folder=folder,
            blobs=parts.blobs,
            catalogue=catalogue,
            clock=submit.clock,
            most_bytes=settings.ingress.max_body_bytes,
            keep_s=settings.job.max_start_timeout_s + settings.job.retention_s,
        ),
        catalogue=catalogue,
        blobs=parts.blobs,
        submit=submit,
        groups=groups,
        batches=batches,
        caller=settings.drop.caller,
        webhook=settings.drop.webhook,
    )
    taking = Taking(
        ledger=ledger,
        results=results,
        wishes=wishes,
        store=parts.store,
        waker=steward.waker,
        clock=submit.clock,
        settling=Settling(settings.drop.settle_s),
    )
    return Drops(
        folder=folder,
        ledger=ledger,
        taking=taking,
        results=results,
        batches=batches,
        store=parts.store,
        members=parts.groups,
        clock=submit.clock,
        list_s=LIST_REMOTE_S if parts.store.remote else LOOK_S,
        all_s=ALL_REMOTE_S if parts.store.remote else ALL_S,
    )
