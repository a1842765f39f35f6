"""Files of lines, each of which is a job: a batch, a manifest."""
