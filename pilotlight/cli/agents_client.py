"""The caller's side of agents: ``/api/agents`` and ``/api/agent-runs``."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from pilotlight.cli.exits import JobDidNotSucceed, Unreachable
from pilotlight.cli.wire import exchange

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pilotlight.cli.client import Api
    from pilotlight.ports.clock import Clock

PATIENCE_S: Final = 60.0
"""A server that is away longer than this is given up on; one that restarts is waited for."""
_PAUSE_S: Final = 0.3

Run = dict[str, Any]


@dataclass(frozen=True, slots=True)
class AgentApi:
    """Methods raise Unreachable, or what a refusal stands for."""

    api: Api

    def start(self, wish: dict[str, Any], *, agent_id: str | None = None) -> str:
        """The id of the new run."""
        path = "/api/agent-runs"
        if agent_id is not None:
            path = f"/api/agents/{quote(agent_id, safe='')}/runs"
        return str(self._ask("POST", path, wish)["id"])

    def keep(self, wish: dict[str, Any], *, agent_id: str | None = None) -> dict[str, Any]:
        if agent_id is None:
            return self._ask("POST", "/api/agents", wish)
        return self._ask("PUT", f"/api/agents/{quote(agent_id, safe='')}", wish)

    def run(self, run_id: str) -> Run:
        return self._ask("GET", f"/api/agent-runs/{quote(run_id, safe='')}")

    def _ask(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        headers = {"user-agent": "pilotlight", "content-type": "application/json"}
        if self.api.key:
            headers["authorization"] = f"Key {self.api.key}"
        sent = None if body is None else json.dumps(body).encode()
        url = self.api.url.rstrip("/") + path
        with exchange(method, url, body=sent, headers=headers) as answer:
            text = answer.read()
        try:
            found: dict[str, Any] = json.loads(text)
        except ValueError:
            raise Unreachable(f"{self.api.url} answers, but not as Pilotlight does") from None
        return found


def follow(server: AgentApi, run_id: str, *, clock: Clock) -> Iterator[Run]:
    """The run each time it is looked at; the last one is over. Raises Unreachable."""
    away_since: float | None = None
    while True:
        try:
            run = server.run(run_id)
        except Unreachable:
            now = clock.monotonic()
            away_since = now if away_since is None else away_since
            if now - away_since >= PATIENCE_S:
                raise
        else:
            away_since = None
            yield run
            if run["status"] != "running":
                return
        clock.sleep(_PAUSE_S)


def succeeded(run: Run) -> Run:
    """Raises JobDidNotSucceed with the reason."""
    if run["status"] != "succeeded":
        error = run.get("error") or {}
        raise JobDidNotSucceed(str(error.get("message") or f"the run {run['status']}"))
    return run
