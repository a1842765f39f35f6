"""``python -m pilotlight.cli``."""

from pilotlight.cli import main

main()
