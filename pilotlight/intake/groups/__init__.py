"""Groups of jobs: opened by whoever takes one in, looked after by the steward, each by its kind."""
