"""The submit's hand on the burner where no scaler runs beside it: it wakes a Lambda that looks.

One call per worker and moment, however many submits there are: the look that follows sees all of
them. A submit that comes while nobody can be woken is seen by the next minute's look.
"""

from __future__ import annotations

import json
import logging
import threading
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from pilotlight.observability.logs import event

if TYPE_CHECKING:
    from pilotlight.ports.clock import Clock

QUIET_S: Final = 5.0
"""No second call for the same worker within this. Each process counts for itself."""


class Kick:
    """The call is made before ``light`` returns: a Lambda that has answered is frozen."""

    def __init__(self, client: Any, function: str, clock: Clock) -> None:
        self._client, self._function, self._clock = client, function, clock
        self._lock = threading.Lock()
        self._kicked: dict[str, float] = {}

    def light(self, worker: str) -> None:
        with self._lock:
            now = self._clock.monotonic()
            if now < self._kicked.get(worker, float("-inf")) + QUIET_S:
                return
            self._kicked[worker] = now
        try:
            self._client.invoke(
                FunctionName=self._function,
                InvocationType="Event",
                Payload=json.dumps({"worker": worker}).encode(),
            )
        except (ClientError, BotoCoreError) as error:
            with self._lock:
                self._kicked.pop(worker, None)  # the next submit tries again
            event("fleet.not_kicked", level=logging.WARNING, worker=worker, error=str(error)[:200])
