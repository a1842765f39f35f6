"""Builds of the libraries that Lambda can load, where those that are installed here are not.

``python -m infra.template.wheels`` fetches them beside the environment; ``make setup`` and
``make package`` run it, and it does nothing when they are there. A machine with a new glibc is given
wheels that want one as new (cryptography's for 2.34), and Lambda's Python 3.11 has glibc 2.26: what is
installed here would end every function at its first import.
"""

from __future__ import annotations

import importlib.metadata
import re
import subprocess
import sys
from typing import TYPE_CHECKING, Final

from packaging.utils import canonicalize_name

from infra.template.engines import ROOT
from pilotlight.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

FOLDER: Final = ROOT / ".venv" / ".functions"
GLIBC: Final = {(3, 11): 26, (3, 12): 34, (3, 13): 34, (3, 14): 34}
"""Minor version of the glibc under each of Lambda's Pythons: Amazon Linux 2, then 2023."""
LEFT_OUT: Final = {"pycurl"}
"""Celery's way to SQS. A function sends by boto3 alone, and this has no build for an old glibc."""
_NAMED: Final = {"manylinux1": 5, "manylinux2010": 12, "manylinux2014": 17}
"""Before platforms were called by the glibc that they need."""
_NEVER: Final = 1_000
_FETCH_S: Final = 300


def glibc_of(python: tuple[int, int]) -> int:
    """Raises SettingsError for a Python that Lambda has no runtime for."""
    if python not in GLIBC:
        known = ", ".join(f"{major}.{minor}" for major, minor in GLIBC)
        raise SettingsError(
            f"Lambda has no runtime for Python {python[0]}.{python[1]}, of which .venv is made: "
            f"make clean, then make PYTHON=python3.X package with one of {known}"
        )
    return GLIBC[python]


def needs(wheel: str) -> int:
    """Minor version of the glibc that the text of a ``WHEEL`` file asks for; 0 for none, and more
    than there will ever be for what was built for another kind of machine."""
    platforms = [tag.rpartition("-")[2] for tag in re.findall(r"^Tag: (\S+)$", wheel, re.MULTILINE)]
    return min((_glibc(one) for one in platforms), default=_NEVER)


def _glibc(platform: str) -> int:
    if platform == "any":
        return 0
    kind, _, machine = platform.partition("_x86_64")
    if kind == platform or machine:
        return _NEVER
    numbered = re.fullmatch(r"manylinux_2_(\d+)", kind)
    return int(numbered[1]) if numbered else _NAMED.get(kind, _NEVER)


def unfit(names: Iterable[str], glibc: int) -> list[str]:
    """``name==version`` of what is installed here in a build that wants more than this."""
    found = [importlib.metadata.distribution(name) for name in sorted(set(names) - LEFT_OUT)]
    return [
        f"{canonicalize_name(one.name)}=={one.version}"
        for one in found
        if needs(one.read_text("WHEEL") or "") > glibc
    ]


def stand_ins(folder: Path = FOLDER) -> dict[str, importlib.metadata.Distribution]:
    """What was fetched, by ``name==version``."""
    found = importlib.metadata.distributions(path=[str(folder)]) if folder.exists() else ()
    return {f"{canonicalize_name(one.name)}=={one.version}": one for one in found}


def fetch(wanted: list[str], glibc: int, folder: Path = FOLDER) -> None:
    """Raises SettingsError, with pip's words, when they cannot be had."""
    numbers = [f"manylinux_2_{minor}_x86_64" for minor in range(glibc, 4, -1)]
    platforms = [*numbers, *(f"{name}_x86_64" for name in _NAMED)]
    command = [sys.executable, "-m", "pip", "install", "-qq", "--disable-pip-version-check"]
    command += ["--no-deps", "--only-binary", ":all:", "--upgrade", "--target", str(folder)]
    command += [word for one in platforms for word in ("--platform", one)]
    try:
        done = subprocess.run(  # noqa: S603 - names and versions of what is installed
            [*command, *wanted], capture_output=True, text=True, check=False, timeout=_FETCH_S
        )
    except subprocess.TimeoutExpired as error:
        raise SettingsError(f"{', '.join(wanted)} did not come in {_FETCH_S} s") from error
    if done.returncode:
        raise SettingsError(
            f"Lambda's Python has glibc 2.{glibc}, and here are builds for a newer one of "
            f"{', '.join(wanted)}; fetching others failed: {done.stderr.strip()[-500:]}"
        )


def main() -> int:
    from infra.template.bundle import distributions  # noqa: PLC0415 - which takes from here

    try:
        glibc = glibc_of(sys.version_info[:2])
        missing = [one for one in unfit(distributions(), glibc) if one not in stand_ins()]
        if missing:
            sys.stdout.write(f"Fetching for Lambda: {', '.join(missing)}\n")
            fetch(missing, glibc)
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
