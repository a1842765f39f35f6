"""Writes ``infra/.generated`` and the functions' zip. Run by ``make package``, before osls."""

from __future__ import annotations

import argparse
import json
import re
import sys
from typing import TYPE_CHECKING, Final

from infra.template import (
    alarms,
    buckets,
    bundle,
    capacity,
    dashboard,
    data,
    environment,
    fallback,
    images,
    replicas,
    roles,
    wheels,
)
from infra.template.engines import ROOT
from infra.template.facts import all_facts, all_fleets
from infra.template.words import Value, resource
from pilotlight import settings
from pilotlight.errors import SettingsError

if TYPE_CHECKING:
    from pathlib import Path

    from pilotlight.settings import Settings

GENERATED: Final = ROOT / "infra" / ".generated"
ARTIFACT: Final = "build/functions.zip"
MOST_RESOURCES: Final = 500
"""Of one CloudFormation template."""
MOST_WORKERS: Final = 40
"""An inline policy has 10,240 characters, and upkeep's names every queue and its dead letters."""
_STATIC: Final = 48
"""Resources that are not generated, rounded up: functions, network, cluster."""
_DISPENSABLE: Final = (
    re.compile(rf"{data.MAPPING}$"),
    re.compile(r"(Target|Fallback|FallbackAlarm\d*)$"),
)
"""Of many workers, in this order: what wakes the function for dead letters, which upkeep looks at each
minute too, and the way up while upkeep is silent, of which its own alarm tells."""


def template(loaded: Settings, region: str) -> dict[str, Value]:
    """Everything that follows from the code: tables, buckets, roles, and each worker's part.

    Raises SettingsError for workers that no template can hold.
    """
    workers = all_facts(loaded, region)
    if len(workers) > MOST_WORKERS:
        raise SettingsError(
            f"{len(workers)} workers have more queues than one role's policy can name, which is "
            f"{MOST_WORKERS} pairs: deploy a second stage with its own PILOTLIGHT_WORKERS packages"
        )
    fleets = all_fleets(loaded, workers, region)
    found = {
        **data.resources(loaded, workers),
        **buckets.resources(loaded),
        **roles.resources(workers, fleets),
        **images.resources(fleets),
        **capacity.resources(fleets, region),
        **alarms.of_stage(),
        **dashboard.resources(fleets),
        "OperatorSettings": resource(
            "SSM::Parameter",
            {
                "Name": environment.STACK_PARAMETER,
                "Type": "String",
                "Value": environment.operators_document(),
            },
        ),
    }
    for one in workers:
        found |= alarms.of_worker(one)
    given = environment.chosen(loaded)
    for fleet in fleets:
        found |= replicas.resources(fleet, given)
        found |= alarms.of_fleet(fleet) | fallback.of_fleet(fleet)
    return {"Resources": _fitting(found, len(workers))}


def _fitting(found: dict[str, Value], workers: int) -> dict[str, Value]:
    """With many workers without what they can do without."""
    for dispensable in _DISPENSABLE:
        if len(found) + _STATIC <= MOST_RESOURCES:
            break
        found = {name: one for name, one in found.items() if not dispensable.search(name)}
    if len(found) + _STATIC > MOST_RESOURCES:
        raise SettingsError(
            f"{workers} workers make {len(found)} resources, and one stack holds {MOST_RESOURCES}: "
            "let some share a pool, or deploy a second stage with its own PILOTLIGHT_WORKERS packages"
        )
    return found


def write(folder: Path, loaded: Settings, region: str) -> None:
    """The files that ``serverless.yml`` reads."""
    folder.mkdir(parents=True, exist_ok=True)
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for name, content in {
        "workers": template(loaded, region),
        "environment": environment.of_functions(environment.chosen(loaded)),
        "build": {"runtime": version, "artifact": ARTIFACT, "region": region},
    }.items():
        (folder / f"{name}.json").write_text(json.dumps(content, indent=1) + "\n")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m infra.template", description=__doc__)
    parser.add_argument("--no-zip", action="store_true", help="only what follows from workers")
    parser.add_argument("--region", default="us-east-1", help="where it will be deployed")
    asked = parser.parse_args()
    try:
        if not asked.no_zip:
            bundle.must_load(wheels.glibc_of(sys.version_info[:2]))
        write(GENERATED, settings.load(), asked.region)
    except (SettingsError, settings.BadSettings) as error:
        parser.exit(2, f"{error}\n")
    if not asked.no_zip:
        bundle.write(ROOT / ARTIFACT)
    return 0


if __name__ == "__main__":
    sys.exit(main())
