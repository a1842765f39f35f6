"""A full disk is the machine's fault, in whatever words a library says so."""

from __future__ import annotations

import errno

import pytest

from pilotlight.execution.child_run import failure_of


class SafetensorError(Exception):
    """As safetensors 0.8 raises it while a checkpoint is written: no OSError, no number."""


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        SafetensorError(
            "Error while serializing: I/O error: No space left on device (os error 28)"
        ),
        SafetensorError("Error while serializing: I/O error: Disk quota exceeded (os error 122)"),
    ],
)
def test_it_is_tried_again_elsewhere(error):
    failure, spent = failure_of(error)

    assert failure.retryable
    assert "the disk of the worker's machine is full" in failure.error.message
    assert not spent


def test_other_numbers_are_the_jobs_own():
    assert not failure_of(SafetensorError("Permission denied (os error 13)"))[0].retryable
