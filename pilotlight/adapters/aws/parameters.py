"""SSM parameters with which an operator overrules a worker from the console.

``PATH/NAME/min``, ``PATH/NAME/max``: whole numbers; ``PATH/NAME/paused``: true or false. A dot of
the worker's name is an underscore. What says something else is reported and passed over.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from pilotlight.errors import Unavailable
from pilotlight.observability.logs import event
from pilotlight.ports.overrules import Overrule

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_MOST = 10
"""Most parameters of one GetParametersByPath."""


class SsmOverrules:
    """Read at each look of the scaler: one request for every ten parameters."""

    def __init__(self, client: Any, path: str, *, workers: Iterable[str]) -> None:
        self._client, self._path = client, path.rstrip("/")
        self._workers = {worker.replace(".", "_"): worker for worker in workers}
        self._known: Mapping[str, Overrule] = {}

    def read(self) -> Mapping[str, Overrule]:
        try:
            self._known = overrules(self._parameters(), self._workers)
        except (ClientError, BotoCoreError) as error:
            event("fleet.parameters_unread", level=logging.WARNING, error=str(error)[:300])
        return self._known

    def pause(self, worker: str, *, now: float) -> None:  # noqa: ARG002 - SSM has a clock of its own
        self._put(worker, "true")

    def resume(self, worker: str) -> None:
        self._put(worker, "false")

    def _put(self, worker: str, paused: str) -> None:
        name = f"{self._path}/{worker.replace('.', '_')}/paused"
        try:
            self._client.put_parameter(Name=name, Value=paused, Type="String", Overwrite=True)
        except (ClientError, BotoCoreError) as error:
            raise Unavailable(f"SSM did not take {name}: {str(error)[:300]}") from error

    def _parameters(self) -> Iterator[tuple[str, str]]:
        """Names below the path, with their values."""
        more: dict[str, Any] = {}
        while True:
            answer = self._client.get_parameters_by_path(
                Path=self._path, Recursive=True, MaxResults=_MOST, **more
            )
            for one in answer["Parameters"]:
                yield one["Name"].removeprefix(f"{self._path}/"), one["Value"]
            if not answer.get("NextToken"):
                return
            more = {"NextToken": answer["NextToken"]}


def overrules(
    parameters: Iterable[tuple[str, str]], workers: Mapping[str, str]
) -> dict[str, Overrule]:
    """``workers``: by the name that stands in a parameter's."""
    said: dict[str, dict[str, Any]] = {}
    for name, value in parameters:
        shown, _, word = name.partition("/")
        read = _READ.get(word)
        understood = read(value.strip()) if read is not None and shown in workers else None
        if understood is None:
            event("fleet.bad_parameter", level=logging.WARNING, parameter=name, value=value[:40])
        else:
            said.setdefault(workers[shown], {})[_FIELDS[word]] = understood
    return {worker: Overrule(**fields) for worker, fields in said.items()}


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() else None


def _truth(text: str) -> bool | None:
    return {"true": True, "false": False}.get(text.lower())


_READ = {"min": _number, "max": _number, "paused": _truth}
_FIELDS = {"min": "min_replicas", "max": "max_replicas", "paused": "paused"}
