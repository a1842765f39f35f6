"""What the figures were measured on."""

from __future__ import annotations

import os
import platform
import sqlite3
import subprocess
from pathlib import Path
from typing import Any

import psutil


def facts() -> dict[str, Any]:
    """Cores, versions, and the load average before the bench adds its own."""
    return {
        "cores": os.cpu_count(),
        "processor": _processor(),
        "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "load_average": load_average(),
    }


def load_average() -> list[float]:
    return [round(value, 2) for value in os.getloadavg()]


def own_cpu_s() -> float:
    """Processor time of this process so far."""
    times = os.times()
    return times.user + times.system


def redis_version() -> str:
    printed = subprocess.run(
        ["redis-server", "--version"], capture_output=True, text=True, check=True
    ).stdout
    return next(word.removeprefix("v=") for word in printed.split() if word.startswith("v="))


class Neighbours:
    """Processor time that others took while we measured: the noise in the figures."""

    def __init__(self) -> None:
        self._busy, self._idle = _cpu_s()

    def cores(self, *, own_s: float) -> float:
        """Cores kept busy by others on average; ``own_s``: what bench and systems used."""
        busy, idle = _cpu_s()
        elapsed = (busy + idle - self._busy - self._idle) / (os.cpu_count() or 1)
        return max(0.0, (busy - self._busy - own_s) / elapsed) if elapsed else 0.0


def _cpu_s() -> tuple[float, float]:
    times = psutil.cpu_times()
    idle = times.idle + times.iowait
    return sum(times[:8]) - idle, idle


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
