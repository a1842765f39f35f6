"""``make deploy-emulated``: deploy the package on an emulator, then use what was deployed."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from infra.emulated.journey import deployed
from infra.emulated.server import running
from infra.emulated.stack import PACKAGE, deploy
from infra.emulated.story import story
from infra.template.__main__ import ARTIFACT
from infra.template.engines import ROOT
from pilotlight.adapters.local.clock import SystemClock
from pilotlight.observability import logs


def main() -> int:
    logs.configure("warning")
    clock = SystemClock()
    with tempfile.TemporaryDirectory() as name, running(Path(name), clock) as emulator:
        began = clock.monotonic()
        stack = deploy(emulator, PACKAGE, ROOT / ARTIFACT, clock)
        _say(f"{stack.name}: {len(stack.resources)} resources in {clock.monotonic() - began:.1f} s")
        _say("left out, because the emulator has no such thing:")
        for logical, kind in stack.left_out.items():
            _say(f"  {logical} ({kind})")
        with deployed(emulator, stack, Path(name)) as there:
            _say(f"ingress: {there.function_url} (HTTPS through an edge of ours)")
            began = clock.monotonic()
            for line in story(there):
                _say(f"{clock.monotonic() - began:5.1f} s  {line}")
    return 0


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
