"""``make demo``: one job from zero to zero, with nothing but what a fresh clone has."""
