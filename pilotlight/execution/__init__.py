"""A queued job becomes a finished one: lease, run, store, settle."""
