"""What a script can tell from how a command ended. ``--help`` prints the same table."""

from __future__ import annotations

from enum import IntEnum

from pilotlight.errors import (
    FetchFailed,
    NotFinished,
    NotFound,
    PilotlightError,
    Unavailable,
    WorkerError,
)


class Exit(IntEnum):
    OK = 0
    FAILED = 1
    """The job failed, expired or was cancelled; or the server broke."""
    USAGE = 2
    """The command, the input or the key cannot work as given."""
    UNREACHABLE = 3
    """Nothing answers there."""
    NOT_FOUND = 4
    """No such job, endpoint or key."""
    NOT_FINISHED = 5
    """The result was asked for too early."""
    INTERRUPTED = 130
    """Ctrl-C: 128 and the number of SIGINT, as shells have it."""


class Unreachable(PilotlightError):
    """No connection, or one that broke before there was an answer."""


class JobDidNotSucceed(PilotlightError):
    """It ended without a result; the message says why."""


_BY_ERROR: tuple[tuple[type[PilotlightError], Exit], ...] = (
    (Unreachable, Exit.UNREACHABLE),
    (Unavailable, Exit.UNREACHABLE),
    (NotFound, Exit.NOT_FOUND),
    (NotFinished, Exit.NOT_FINISHED),
    (JobDidNotSucceed, Exit.FAILED),
    (WorkerError, Exit.FAILED),
    (FetchFailed, Exit.FAILED),
)


def of(error: PilotlightError) -> Exit:
    """Everything else is something the user can put right."""
    for kind, code in _BY_ERROR:
        if isinstance(error, kind):
            return code
    return Exit.FAILED if type(error) is PilotlightError else Exit.USAGE
