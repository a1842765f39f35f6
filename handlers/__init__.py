"""Events come in: HTTP dialects and event sources. Deployed, never in the wheel."""
