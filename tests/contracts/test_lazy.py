"""What a contract costs before anybody uses it."""

from __future__ import annotations

import subprocess
import sys

from tests.live import ROOT

LISTED = """
import sys
import handlers.app, pilotlight.bootstrap
from pilotlight.catalogue import discover
listed = list(discover(("workers",)).listed())
assert len(listed) > 70
folders = ("pilotlight.contracts.endpoints.", "pilotlight.contracts.tasks.", "imagesize", "tinytag")
print([name for name in sys.modules if name.startswith(folders)])
"""


def test_starting_and_listing_build_no_contract_and_load_no_reader_of_files():
    done = subprocess.run(
        [sys.executable, "-c", LISTED],
        cwd=ROOT, check=False, capture_output=True, text=True, timeout=60,
    )  # fmt: skip

    assert done.stdout.strip() == "[]", done.stdout + done.stderr
