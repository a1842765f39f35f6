"""What local mode loads: measured on the processes themselves, by the interpreter's own report."""

from __future__ import annotations

import re

from tests.live import until, up

ECHO = "pilotlight/echo"
VENDORS = {"boto3", "botocore", "celery", "kombu", "billiard", "pycurl", "vine", "amqp"}


def imported(log):
    """Top-level names in the report of ``-X importtime``."""
    return set(re.findall(r"^import time:.*\| +([A-Za-z_0-9]+)", log, re.MULTILINE))


def test_neither_up_nor_a_replica_loads_a_vendor(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPROFILEIMPORTTIME", "1")
    with up(tmp_path / "data") as live:
        assert live.finished(ECHO, live.submit(ECHO, {"text": "hi"})).json == {"text": "hi"}
        (log,) = until(lambda: list((tmp_path / "data/logs").glob("echo-*.log")), what="its log")
        assert live.stop() == 0
        told = (tmp_path / "data/up.log").read_text()

    assert "sqlite3" in imported(told)
    assert "sqlite3" in imported(log.read_text())
    assert not VENDORS & imported(told)
    assert not VENDORS & imported(log.read_text())
