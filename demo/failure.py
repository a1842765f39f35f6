"""How a step of the demo says that it did not work."""

from __future__ import annotations


class StepFailed(Exception):
    """One sentence on what is wrong; the message may name a file to look at."""
