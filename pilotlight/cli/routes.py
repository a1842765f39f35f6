"""``--routes FILE.toml``: which worker serves an endpoint, as its owner wants it.

::

    [[route]]
    endpoint = "fal-ai/fast-sdxl"
    worker = "sdxl"
    rename = { num_images = "count" }
    fixed = { steps = 4 }
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pilotlight.errors import SettingsError

if TYPE_CHECKING:
    from pydantic import ValidationError

    from pilotlight.settings import RouteSettings

Routes = Annotated[
    Path | None,
    typer.Option(
        "--routes",
        metavar="FILE.toml",
        help="Put workers behind endpoints: \\[\\[route]] tables with endpoint, worker, rename, fixed.",
    ),
]


def read_routes(path: Path) -> tuple[RouteSettings, ...]:
    """Raises SettingsError that says which route is wrong and why."""
    import tomllib

    try:
        document = tomllib.loads(path.read_text())
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror}") from None
    except ValueError as error:  # not TOML, or not even text
        raise SettingsError(f"{path}: {error}") from None
    tables = document.pop("route", [])
    if document or not isinstance(tables, list):
        raise SettingsError(f"{path}: it takes [[route]] tables and nothing else")
    return tuple(_route(path, number, table) for number, table in enumerate(tables, 1))


def _route(path: Path, number: int, table: Any) -> RouteSettings:
    from pydantic import ValidationError

    from pilotlight.settings import RouteSettings

    try:
        return RouteSettings.model_validate(table)
    except ValidationError as error:
        raise SettingsError(f"{path}: route {number}: {_in_words(error)}") from None


def _in_words(error: ValidationError) -> str:
    """A word that is not known before one that is missing: the second is the first, misspelt."""
    found = sorted(error.errors(), key=lambda one: one["type"] != "extra_forbidden")[0]
    where = ".".join(str(part) for part in found["loc"])
    if found["type"] == "extra_forbidden":
        return f"{where} is not known; it takes {', '.join(_fields())}"
    return f"{where}: {found['msg']}"


def _fields() -> list[str]:
    from pilotlight.settings import RouteSettings

    return list(RouteSettings.model_fields)
