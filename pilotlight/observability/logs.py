"""One line per event; the event name is a constant, the facts are fields.

Prompts, inputs, keys and signatures are never logged: only what is named at the call, and of an
exception where it came from, and its text unless that is of a kind which quotes what it was given.
"""

from __future__ import annotations

import json
import logging
import sys
import traceback
from typing import TYPE_CHECKING, Final

from pilotlight.observability.terminal import harmless, plain
from pilotlight.observability.trace import current

if TYPE_CHECKING:
    from collections.abc import Mapping

log: Final = logging.getLogger("pilotlight")


_INKS: Final = {"warning": "\033[33m", "error": "\033[31m"}
"""Yellow and red: what somebody at a terminal should not overlook."""
_PLAIN: Final = "\033[0m"
_QUOTING: Final = (ValueError, LookupError, TypeError)
"""Their texts hold values: pydantic's error the input, json's the document, KeyError the key."""


def _trace(error: BaseException | None) -> str:
    """The traceback, causes first, as Python prints it but for texts that may quote a request."""
    parts: list[str] = []
    while error is not None:
        told = type(error).__name__
        if not isinstance(error, _QUOTING):
            told = f"{told}: {error}"
        parts.append("".join(traceback.format_tb(error.__traceback__)) + told)
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return "\n".join(reversed(parts))


class _Lines(logging.Formatter):
    """``12:34:56 info  job.leased  job_id=... worker=echo`` on a terminal, else JSON."""

    def __init__(self, *, as_json: bool, inks: Mapping[str, str]) -> None:
        super().__init__(datefmt="%H:%M:%S")
        self._json, self._inks = as_json, inks

    def format(self, record: logging.LogRecord) -> str:
        fields: dict[str, object] = getattr(record, "fields", {})
        if record.exc_info:
            fields = {**fields, "traceback": _trace(record.exc_info[1])}
        if self._json:
            head = {"at": record.created, "level": record.levelname.lower()}
            return json.dumps({**head, "event": record.getMessage(), **fields}, default=str)
        told = {name: value for name, value in fields.items() if value is not None}
        tail = " ".join(f"{name}={_shown(name, value)}" for name, value in told.items())
        level = record.levelname.lower()
        ink, end = (self._inks[level], _PLAIN) if level in self._inks else ("", "")
        at = self.formatTime(record, self.datefmt)
        return f"{at} {ink}{level:<7}{end} {record.getMessage()}  {tail}"


def _shown(name: str, value: object) -> str:
    text = harmless(str(value))
    return text if name == "traceback" else text.replace("\n", "\\n")


def configure(level: str) -> None:
    """Send the events to standard error. Called once per process, never at import."""
    handler = logging.StreamHandler(sys.stderr)
    inks = {} if plain() else _INKS
    handler.setFormatter(_Lines(as_json=not sys.stderr.isatty(), inks=inks))
    log.handlers[:] = [handler]
    log.setLevel(level.upper())
    log.propagate = False


def event(name: str, *, level: int = logging.INFO, **fields: object) -> None:
    if (trace := current.get()) is not None:
        fields["trace"] = trace
    log.log(level, name, extra={"fields": fields})


def failure(name: str, **fields: object) -> None:
    """An event with the traceback of the exception being handled."""
    log.error(name, exc_info=sys.exc_info(), extra={"fields": fields})
