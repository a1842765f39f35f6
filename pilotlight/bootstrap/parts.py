"""What each mode brings: the ports of one process, filled by its adapters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from pilotlight.execution.orphans import Texts
    from pilotlight.ports.agents import AgentStore
    from pilotlight.ports.blobs import Blobs
    from pilotlight.ports.drop import DropFolder, DropLedger
    from pilotlight.ports.ends import Ends
    from pilotlight.ports.feed import Announcer, Feed, Watch
    from pilotlight.ports.files import FileStore
    from pilotlight.ports.fleet import Fleet, Lighter, Supervisor
    from pilotlight.ports.groups import GroupStore
    from pilotlight.ports.keys import KeyStore
    from pilotlight.ports.learned import Learned
    from pilotlight.ports.overrules import Overrules
    from pilotlight.ports.queue import DeadLetters, QueueSender
    from pilotlight.ports.secrets import Secrets
    from pilotlight.ports.store import JobStore
    from pilotlight.ports.turn import Turn


@dataclass(frozen=True, slots=True, kw_only=True)
class IngressParts:
    """For whoever takes jobs in, looks after them and tells of their end."""

    store: JobStore
    groups: GroupStore
    agents: AgentStore
    queue: QueueSender
    blobs: Blobs
    feed: Feed
    watch: Watch
    announcer: Announcer
    fleet: Supervisor
    keys: KeyStore
    files: FileStore
    secrets: Secrets
    ends: Ends
    lighter: Lighter | None = None
    """What a submit wakes, if not the scaler of its own process."""
    overrules: Overrules | None = None
    """What an operator says over a worker's declaration while everything runs."""
    turn: Turn | None = None
    """Held while capacity is looked at, where others may look as well."""
    glance: Fleet | None = None
    """The fleet for those who only show it, where looking at it costs something."""
    learned: Learned | None = None
    """None: what the scaler learns ends with the process."""
    dead_letters: DeadLetters | None = None
    """None where the queue cannot give up on a message."""
    texts: Texts | None = None
    """Where the store keeps what is too long for a row."""
    drop: tuple[DropFolder, DropLedger] | None = None
    """Where files are dropped, and what was taken of them."""
    checkpoint: Callable[[], bool] | None = None
    """Folds the store's log, where it has one."""
    disk_trouble: Callable[[], str | None] | None = None
    """What is wrong with this machine's disk; None where rows and files are elsewhere."""
    close: Callable[[], None]
    """Lets go of files, sockets and connections."""
