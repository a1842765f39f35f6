"""The functions' zip: this checkout, and the libraries of ``pilotlight[http,aws]`` from the venv.

Nothing is fetched: what is packed is what was tested, but for other builds of the same versions where
Lambda's glibc is older than this machine's (``wheels.py``). It holds what Python would compile at each
cold start, compiled: a Lambda cannot keep that for the next one.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import marshal
import re
import struct
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from infra.template.engines import ROOT
from infra.template.wheels import LEFT_OUT, stand_ins, unfit
from pilotlight.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterator

EXTRAS: Final = ("http", "aws")
OURS: Final = ("pilotlight", "handlers", "workers", "infra/ingress.sh")
_NOT_NEEDED: Final = re.compile(
    r"(^|/)(__pycache__|tests?)(/|$)|\.(pyc|pyi|pyx|pxd|c|h)$|^\.\./|(^|/)starters/"
)
"""Also the starter models' weights: no model is loaded in a Lambda."""
_KEPT: Final = ("pilotlight/", "cryptography/")
"""Packages whose folders of these names are code."""
_SERVICES: Final = ("dynamodb", "ecs", "lambda", "s3", "sqs", "ssm", "sso", "sso-oidc", "sts")
"""Whose requests botocore describes in some megabytes each: those we make, and finding a role."""
_UNASKED: Final = re.compile(rf"^botocore/data/(?!(?:{'|'.join(_SERVICES)})/)[^/]+/")
_COMPILED: Final = importlib.util.MAGIC_NUMBER + (0b01).to_bytes(4, "little") + bytes(8)
"""Head of a file that is taken as it is: its source is not looked at (PEP 552)."""
_HEAD_BYTES: Final = 16
_DEFLATED: Final = zipfile.ZIP_DEFLATED
_EPOCH: Final = (1980, 1, 1, 0, 0, 0)


def must_load(glibc: int) -> None:
    """Raises SettingsError for libraries that are here in builds which need a newer glibc alone."""
    missing = [one for one in unfit(distributions(), glibc) if one not in stand_ins()]
    if missing:
        raise SettingsError(
            f"Lambda's Python has glibc 2.{glibc}, and {', '.join(missing)} want more: "
            "python -m infra.template.wheels fetches other builds of them"
        )


def write(path: Path) -> None:
    """Make the zip, smallest surprises first: sorted names, one moment, one mode."""
    path.parent.mkdir(parents=True, exist_ok=True)
    files = dict(_libraries()) | dict(_checkout())
    with zipfile.ZipFile(path, "w", _DEFLATED, compresslevel=6) as bundle:
        for name in sorted(files):
            info = zipfile.ZipInfo(name, _EPOCH)
            info.compress_type = _DEFLATED
            info.external_attr = (0o755 if name.endswith(".sh") else 0o644) << 16
            bundle.writestr(info, files[name].read_bytes())
            if name.endswith(".py"):
                cached = importlib.util.cache_from_source(name)
                bundle.writestr(zipfile.ZipInfo(cached, _EPOCH), _compiled(files[name]), _DEFLATED)


def _compiled(path: Path) -> bytes:
    """What pip compiled at installation, if that is of this source, else compiled now."""
    cached = Path(importlib.util.cache_from_source(str(path)))
    if cached.exists():
        found = cached.read_bytes()
        stat = path.stat()
        facts = (int(stat.st_mtime) & 0xFFFFFFFF, stat.st_size & 0xFFFFFFFF)
        if found[:_HEAD_BYTES] == _TIMED.pack(importlib.util.MAGIC_NUMBER, 0, *facts):
            return _COMPILED + found[_HEAD_BYTES:]
    code = compile(path.read_bytes(), path.name, "exec", dont_inherit=True)
    return _COMPILED + marshal.dumps(code)


_TIMED: Final = struct.Struct("<4sLLL")
"""Head of a file that is valid while its source has this moment and size."""


def distributions() -> set[str]:
    """Names of everything that the extras need, and what that needs in turn."""
    found: set[str] = set()
    waiting = [("pilotlight", extra) for extra in ("", *EXTRAS)]
    while waiting:
        name, extra = waiting.pop()
        for text in importlib.metadata.requires(name) or ():
            needed = Requirement(text)
            if needed.marker is not None and not needed.marker.evaluate({"extra": extra}):
                continue
            wanted = [(needed.name, one) for one in ("", *needed.extras)]
            known = needed.name.lower() in found and not needed.extras
            if not known:
                found.add(needed.name.lower())
                waiting += wanted
    return found


def _libraries() -> Iterator[tuple[str, Path]]:
    others = stand_ins()
    for name in sorted(distributions() - LEFT_OUT):
        here = importlib.metadata.distribution(name)
        one = others.get(f"{canonicalize_name(name)}=={here.version}", here)
        for file in one.files or ():
            path = str(file)
            if _is_needed(path):
                yield path, file.locate()  # type: ignore[misc]  # a Path, for what is installed


def _checkout() -> Iterator[tuple[str, Path]]:
    for top in OURS:
        found = [ROOT / top] if (ROOT / top).is_file() else (ROOT / top).rglob("*")
        for path in found:
            name = str(path.relative_to(ROOT))
            if path.is_file() and _is_needed(name):
                yield name, path


def _is_needed(name: str) -> bool:
    if name.startswith(_KEPT):
        return not name.endswith((".pyc", ".pyi"))
    return not _NOT_NEEDED.search(name) and not _UNASKED.match(name)
