"""Three workers that share one replica: two draw with diffusers, one keeps accounts."""
