"""``make test`` holds every property against a few hundred inputs, ``make fuzz`` against more."""

from __future__ import annotations

import json
import resource
from pathlib import Path

from hypothesis import HealthCheck, settings

from tests.fuzz import tally

BRIEF = 250


def pytest_addoption(parser):
    parser.addoption("--examples", type=int, default=None, help="inputs for each property")
    parser.addoption("--tally", type=Path, default=None, help="where to write what was done")


def pytest_collection_modifyitems(config, items):
    profile = settings(
        max_examples=config.getoption("--examples", None) or BRIEF,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    for item in items:
        function = getattr(item, "function", None)
        if "tests/fuzz" in item.path.as_posix() and hasattr(function, "hypothesis"):
            profile(function)


def pytest_sessionfinish(session):
    path = session.config.getoption("--tally", None)
    if path is not None:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        done = {
            "properties": session.testscollected,
            "failed": session.testsfailed,
            "inputs": tally.examples.total(),
            "peak_mib": round(peak / 1024),
        }
        path.write_text(json.dumps(done))
