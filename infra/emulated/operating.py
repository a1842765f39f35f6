"""What RUNBOOK.md has an operator type, typed at the deployed stack: the command line as it is installed,
led there by the parameter that the stack keeps."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any, Final

from infra.emulated.server import ACCOUNT, REGION
from infra.template.engines import ROOT

if TYPE_CHECKING:
    from infra.emulated.journey import Deployed

_COMMAND: Final = (sys.executable, "-m", "pilotlight.cli")
_PATIENCE_S: Final = 120


class Refused(Exception):
    """A command of the runbook that did not do what the page says of it."""


def operate(there: Deployed, job_id: str) -> int:
    """Runs them one after another; how many they were. ``job_id`` had a webhook. Raises Refused."""
    asked = Operator(there)
    if "echo" not in asked.json("fleet", "--why", "--json")["why"]:
        raise Refused("fleet --why does not know the worker echo")
    if asked.json("audit", "--json")["breaches"]:
        raise Refused("audit found broken promises")
    posted = [one["job_id"] for one in asked.json("webhooks", "list", "--json")]
    if job_id not in posted:
        raise Refused(f"webhooks list has {posted}, and not {job_id}")
    for words in (
        ("doctor",),
        ("drop",),
        ("costs", "--days", "7"),
        ("warm", "echo", "--until", "off"),
        ("webhooks", "replay", job_id),
        ("webhooks", "secret", "--caller", "acme", "--rotate"),
        ("keys", "create", "--caller", "acme"),
    ):
        asked.text(*words)
    _rotate(asked)
    return asked.count


def _rotate(asked: Operator) -> None:
    def living() -> list[str]:
        known = asked.json("keys", "list", "--json")
        return [one["id"] for one in known if one["caller"] == "acme" and one["revoked_at"] is None]

    (old,) = living()
    asked.text("keys", "rotate", old, "--overlap", "24h")
    both = living()
    if len(both) != 2 or old not in both:
        raise Refused(f"after keys rotate {old} these are good: {both}")
    asked.text("keys", "revoke", old)
    if old in living():
        raise Refused(f"{old} is good after it was revoked")


class Operator:
    """Somebody with the account's credentials and nothing else."""

    def __init__(self, there: Deployed) -> None:
        self.count = 0
        self._environment = {
            "PATH": "/usr/bin:/bin",
            "AWS_ACCESS_KEY_ID": ACCOUNT,
            "AWS_SECRET_ACCESS_KEY": "emulated",
            "AWS_DEFAULT_REGION": REGION,
            "PILOTLIGHT_STACK": there.stack.resources["OperatorSettings"],
            "PILOTLIGHT_AWS__ENDPOINT_URL": there.emulator.url,
            "PILOTLIGHT_DATA": str(there.folder / "operators"),
        }

    def text(self, *words: str) -> str:
        """What the command printed. Raises Refused when it did not end with 0."""
        self.count += 1
        done = subprocess.run(  # noqa: S603 - our own command line
            [*_COMMAND, *words],
            cwd=ROOT,
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=_PATIENCE_S,
        )
        if done.returncode:
            said = done.stdout[-1000:] + done.stderr[-2000:]
            raise Refused(f"pilotlight {' '.join(words)} ended with {done.returncode}: {said}")
        return done.stdout

    def json(self, *words: str) -> Any:
        return json.loads(self.text(*words))
