"""Declared models with the random weights of ``twins_heard_and_held.py``, and the files they make."""

from __future__ import annotations

import dataclasses
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit


@dataclass
class Small:
    """Below one folder; each is loaded once, through its own ``load``."""

    folder: Path
    loaded: dict[str, Any] = field(default_factory=dict)

    def __call__(self, module):
        from tests.workers import twins, twins_heard_and_held

        if module.NAME not in self.loaded:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                made = twins.build(twins_heard_and_held.BY_REPO[module.MODEL.repo])
                made.save_pretrained(self.folder / module.NAME, variant=module.MODEL.files or None)
                model = dataclasses.replace(module.MODEL, repo=str(self.folder / module.NAME))
                kind = module.WORKER
                self.loaded[module.NAME] = type(kind.__name__, (kind,), {"model": model})()
                self.loaded[module.NAME].load()
        return self.loaded[module.NAME]


def path_of(file):
    return Path(unquote(urlsplit(file.url).path))
