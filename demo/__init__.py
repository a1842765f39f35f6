"""``make demo``: one job from zero to zero, with nothing but what a fresh clone has."""

from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
"""The clone."""
