"""A backlog becomes replicas, and replicas become nothing again."""
