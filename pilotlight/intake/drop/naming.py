"""What a key says. Pure: nothing here looks at a file."""

from __future__ import annotations

import enum
import hashlib
import re
from typing import TYPE_CHECKING, Any, Final

from pilotlight.contracts.artifact import place_in

if TYPE_CHECKING:
    from pilotlight.catalogue import Catalogue
    from pilotlight.ports.drop import Dropped

DEFAULTS: Final = "_defaults.json"
SUMMARY: Final = "_summary.json"
_UNFINISHED: Final = (
    ".part", ".partial", ".filepart", ".crdownload", ".download", ".tmp", ".swp", "~",
)  # fmt: skip
_OF_SYSTEMS: Final = {"thumbs.db", "desktop.ini"}
"""What Windows leaves in folders that somebody looked at."""
_PLAIN: Final = re.compile(r"[\w.-]{1,80}", re.ASCII)
_ENDING: Final = re.compile(r"\.[a-z0-9]{1,8}", re.ASCII)


class Kind(enum.Enum):
    INPUT = "input"
    MEDIA = "media"
    MANIFEST = "manifest"
    ASIDE = "aside"
    """No wish for a job: other fields, hidden files and what lies in hidden folders (versions and
    drafts that programs keep there), what a program is still writing."""


def kind_of(key: str) -> Kind:
    name = key.rpartition("/")[2].lower()
    if name == DEFAULTS or name in _OF_SYSTEMS or name.startswith("~$"):
        return Kind.ASIDE
    if name.endswith(_UNFINISHED) or any(part.startswith(".") for part in key.split("/")):
        return Kind.ASIDE
    ending = name.rpartition(".")[2]
    return {"json": Kind.INPUT, "jsonl": Kind.MANIFEST}.get(ending, Kind.MEDIA)


def endpoint_of(catalogue: Catalogue, key: str) -> str | None:
    """The longest beginning of the key that is an endpoint; the rest is the owner's own order."""
    folders = key.split("/")[:-1]
    for count in range(len(folders), 0, -1):
        name = "/".join(folders[:count])
        if catalogue.knows(name):
            return name
    return None


def version_id(dropped: Dropped) -> str:
    said = f"{dropped.key}\0{dropped.size}\0{dropped.version}"
    return hashlib.sha256(said.encode("utf-8", "surrogatepass")).hexdigest()


def defaults_beside(key: str) -> str:
    folder, slash, _ = key.rpartition("/")
    return f"{folder}{slash}{DEFAULTS}"


def result_name(key: str, *, good: bool) -> str:
    return f"{key}.result.json" if good else f"{key}.error.json"


def file_name(key: str, number: int, said: str) -> str:
    """Of an output file; of the name that its worker gave it only the ending is used."""
    ending = "." + said.lower().rpartition(".")[2]
    return f"{key}.{number}{ending if _ENDING.fullmatch(ending) else ''}"


def line_name(key: str, number: int, own_id: str | None) -> str:
    """What results of a manifest's line begin with, in a folder named like the manifest."""
    plain = own_id is not None and _PLAIN.fullmatch(own_id)
    return f"{key}.results/{number:06d}{f'-{own_id}' if plain else ''}"


def beside_lines(key: str, name: str) -> str:
    """A file of the whole manifest, in the folder of its lines' results."""
    return f"{key}.results/{name}"


def shown(key: str) -> str:
    """The key as text that can be written anywhere."""
    return key.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def linked(value: Any, names: list[str]) -> Any:
    """An output with the names of its files in place of ``artifact:N``."""
    if isinstance(value, dict):
        return {key: linked(item, names) for key, item in value.items()}
    if isinstance(value, list):
        return [linked(item, names) for item in value]
    if isinstance(value, str):
        place = place_in(value, len(names))
        return value if place is None else names[place]
    return value
