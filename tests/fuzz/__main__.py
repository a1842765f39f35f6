"""``make fuzz``: the same properties against far more inputs, a verdict and ``build/fuzz.json``."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).parent
REPORT = HERE.parent.parent / "build" / "fuzz.json"


def main() -> int:
    asked = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    asked.add_argument("--examples", type=int, default=3000, help="inputs for each property")
    options = ["-q", "--no-header", "--timeout", "3600", "--tally", str(REPORT)]
    options += ["--examples", str(asked.parse_args().examples)]
    REPORT.parent.mkdir(exist_ok=True)
    REPORT.unlink(missing_ok=True)
    began = time.monotonic()
    code = subprocess.run(
        [sys.executable, "-m", "pytest", str(HERE), *options], check=False
    ).returncode
    done = json.loads(REPORT.read_text()) if REPORT.exists() else {}
    done |= {"seconds": round(time.monotonic() - began, 1), "passed": code == 0}
    REPORT.write_text(json.dumps(done, indent=2) + "\n")
    print(_verdict(done))  # noqa: T201 - what the command is for
    return 0 if done["passed"] else 1


def _verdict(done: dict) -> str:
    if not done["passed"]:
        return f"fuzz: FAIL: {done.get('failed', 'all')} properties do not hold, see above"
    return (
        f"fuzz: PASS: {done['properties']} properties, {done['inputs']} inputs, no 5xx, no crash, "
        f"{done['peak_mib']} MiB at most, {done['seconds']} s"
    )


if __name__ == "__main__":
    sys.exit(main())
