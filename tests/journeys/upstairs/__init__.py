"""Workers of the Pilotlight that others relay to."""
