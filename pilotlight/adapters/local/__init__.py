"""Local mode: SQLite, a folder, subprocesses, loopback wake-ups."""
