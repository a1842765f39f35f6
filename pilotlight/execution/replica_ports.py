"""What a replica is given to work with: its ports and settings, in one value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pilotlight.ports.blobs import Blobs
    from pilotlight.ports.clock import Clock
    from pilotlight.ports.feed import Announcer, Feed
    from pilotlight.ports.fleet import Roster
    from pilotlight.ports.queue import QueueReceiver
    from pilotlight.ports.store import JobStore
    from pilotlight.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicaPorts:
    store: JobStore
    queue: QueueReceiver
    feed: Feed
    blobs: Blobs
    roster: Roster
    announcer: Announcer
    clock: Clock
    settings: Settings
