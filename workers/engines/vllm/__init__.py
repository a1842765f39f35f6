"""vLLM inside a replica's child."""
