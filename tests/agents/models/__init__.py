"""Workers that agents' tests call; nobody runs them but hands."""
