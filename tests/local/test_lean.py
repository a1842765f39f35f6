"""What local mode must not load: it is installed without the libraries of AWS mode."""

from __future__ import annotations

import subprocess
import sys


def test_local_mode_never_loads_the_aws_libraries():
    code = (
        "import sys, pilotlight.bootstrap, pilotlight.cli, handlers.app, workers.echo;"
        "print([name for name in ('boto3', 'botocore', 's3transfer', 'pilotlight.adapters.aws')"
        " if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], check=False, capture_output=True, text=True, timeout=60
    )
    assert done.stdout.strip() == "[]", done.stderr
