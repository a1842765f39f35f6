"""``pilotlight up --aws-emulated`` itself: how it starts, and what it leaves behind."""

from __future__ import annotations

import pytest

from pilotlight.adapters.aws.emulator import emulated
from pilotlight.adapters.local.clock import SystemClock
from pilotlight.errors import SettingsError
from pilotlight.settings import Settings
from tests.contract.emulator import needs_ministack
from tests.live import Live, until

ECHO = "pilotlight/echo"


def test_without_the_emulator_it_says_how_to_install_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    settings = Settings(mode="aws", data=tmp_path / "data", aws={"emulated": True})
    with (
        pytest.raises(SettingsError, match="pip install ministack"),
        emulated(settings, ("echo",), SystemClock()),
    ):
        pass


def test_killed_it_leaves_no_process_behind(tmp_path):
    needs_ministack()
    live = Live(tmp_path / "data", options=("--aws-emulated",))
    try:
        live.start()
        live.finished(ECHO, live.submit(ECHO, {"text": "hi"}))
        assert len(live.processes()) >= 4  # up, emulator, replica, child
        live.process.kill()
        live.process.wait()
        until(lambda: not live.processes(), what="everything to go")
    finally:
        live.kill_everything()
