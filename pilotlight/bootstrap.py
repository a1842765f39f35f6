"""The one place where classes meet their collaborators. Nothing here is a rule.

``services`` wires the ingress, ``replica`` one replica's parent, ``upkeep`` the timed work. Each
runs in its own kind of process, so each opens its own database.
"""

from __future__ import annotations

import random
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pilotlight import catalogue
from pilotlight.adapters.local.blobs import FolderBlobs
from pilotlight.adapters.local.clock import SystemClock
from pilotlight.adapters.local.database import Database
from pilotlight.adapters.local.feed import SqliteFeed, WakeAnnouncer, WakeWatch
from pilotlight.adapters.local.keys import SqliteKeys
from pilotlight.adapters.local.queue import TableQueueReceiver, TableQueueSender
from pilotlight.adapters.local.roster import SqliteRoster
from pilotlight.adapters.local.secrets import FileSecrets
from pilotlight.adapters.local.store import SqliteStore
from pilotlight.adapters.local.wake import WakeSocket

if TYPE_CHECKING:
    from pilotlight.settings import Settings
