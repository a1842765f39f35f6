"""The strict scan of a plug-in folder: one module, one constant, no name twice."""

from __future__ import annotations

import importlib
import pkgutil
from typing import Protocol, TypeVar

from pilotlight.errors import SettingsError


class Named(Protocol):
    @property
    def name(self) -> str: ...


T = TypeVar("T", bound=Named)


def scan(package: str, constant: str, kind: type[T]) -> dict[str, T]:
    """Each module's constant by its name.

    Raises SettingsError for a module that does not define it, and for two with one name.
    """
    found: dict[str, T] = {}
    root = importlib.import_module(package)
    for info in pkgutil.iter_modules(root.__path__):
        module = f"{package}.{info.name}"
        plugin = getattr(importlib.import_module(module), constant, None)
        if not isinstance(plugin, kind):
            wanted = f"{constant} = {kind.__name__}(...)"
            raise SettingsError(f"{module} defines no {constant}; set {wanted}")
        if plugin.name in found:
            raise SettingsError(
                f"two {kind.__name__.lower()}s are called {plugin.name!r}; the second is {module}"
            )
        found[plugin.name] = plugin
    return found
